import { quote, quoteAll } from './quote.ts'

/**
 * Shell text that runs a script as another user with that user's groups, so that it can read and write no more than the
 * user could. The words become $1, $2 …; standard input is passed on (setpriv(1)). The script stops at the first failing
 * command (`sh -eu`). Do not put secrets into script or words: both are in an argument list.
 *
 * @param user - name of an existing user
 * @param script - POSIX shell text
 * @param words - its arguments; fmc quotes them
 * @throws TypeError for a NUL byte.
 *
 * @example
 * const versionFile = '/var/lib/postgresql/15/main/PG_VERSION'
 * const command = asUser('postgres', 'cat -- "$1"', versionFile)
 */
export const asUser = (user: string, script: string, ...words: readonly string[]): string =>
  `setpriv --reuid=${quote(user)} --regid=${quote(user)} --init-groups -- /bin/sh -euc ${quote(script)} sh${words.length === 0 ? '' : ` ${quoteAll(words)}`}`
