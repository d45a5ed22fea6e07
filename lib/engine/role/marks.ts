import { quote } from '../../shell/quote.ts'

const PENDING = '/var/lib/fmc/pending'

/** The directory of the marks of a role's pending handlers on a host. It survives a killed runner and a power cut. */
export const marksOf = (role: string): string => `${PENDING}/${encodeURIComponent(role)}`

/**
 * The path, on a host, of the mark that a handler of a role is pending: an interrupted run has made the change that notified it,
 * and not run the handler. The next run of the role runs it and removes the mark.
 *
 * @example
 * const restartIsPending = (await probe`test -e ${markOf('app', 'restart app')}`).ok
 */
export const markOf = (role: string, handler: string): string =>
  `${marksOf(role)}/${encodeURIComponent(handler).replaceAll('*', '%2A').replace(/^\./, '%2E')}`

/** Shell text that marks handlers as pending. In the script of a change it stands before the change itself (the rename of a file), so a run that is killed in between leaves the mark and not a lost handler. */
export const markScript = (role: string, handlers: readonly string[]): string =>
  handlers.length === 0
    ? ''
    : `mkdir -p -m 0755 -- ${quote(marksOf(role))}; ${handlers.map(h => `: >${quote(markOf(role, h))}`).join('; ')}; sync -- ${quote(marksOf(role))}`

/** Shell text that removes the mark of a handler that has succeeded. */
export const unmarkScript = (role: string, handler: string): string =>
  `rm -f -- ${quote(markOf(role, handler))}`
