import { scope } from './scope.ts'

/**
 * Runs the handlers that were notified so far now instead of at the end of the role.
 *
 * @throws TaskError when a handler fails.
 *
 * @example
 * await file('/etc/app.conf', { content: 'debug = false\n', notify: 'restart app' })
 * await flush()
 * await gate('the app answers', async () => (await probe`curl -fsS localhost:8080`).ok)
 */
export const flush = (): Promise<void> => scope().flush()
