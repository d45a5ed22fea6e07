import { quote, quoteAll } from './quote.ts'

/**
 * Shell text that runs a script as another user, with that user's groups: what it reads and writes is then no more than
 * the user could. The words are its $1, $2 …; standard input is passed on (setpriv(1)). Secrets belong into neither.
 *
 *     asUser('postgres', 'cat -- "$1"', '/var/lib/postgresql/15/main/PG_VERSION')
 */
export const asUser = (user: string, script: string, ...words: readonly string[]): string =>
  `setpriv --reuid=${quote(user)} --regid=${quote(user)} --init-groups -- /bin/sh -euc ${quote(script)} sh${words.length === 0 ? '' : ` ${quoteAll(words)}`}`
