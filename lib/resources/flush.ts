import { scope } from './scope.ts'

/**
 * Runs the handlers that are due on this host now, and not before the next gate or at the end of the role. Before a gate it is
 * not needed. In a handler it does nothing: the handlers that a handler notifies run after it.
 *
 * @throws TaskError when a handler fails.
 *
 * @example
 * await file('/etc/app.conf', { content: 'debug = false\n', notify: 'restart app' })
 * await flush()
 * await $({ unless: 'app-admin has-user web' })`app-admin add-user web`
 */
export const flush = (): Promise<void> => scope().flush()
