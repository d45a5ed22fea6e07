/** What sshd gives to the user's login shell (sshd(8), LOGIN PROCESS): text that each shell takes for the same command. */
import { quoteAll } from '../shell/quote.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin'

/** Words of older C shells can be no longer than 1024 characters (csh(1), LIMITATIONS). */
const WORD = 500

/** Words that no shell takes for anything else. */
const PLAIN = /^[\w./:,@%+-]+$/

/** Who runs a script: root, or the user that has logged in. */
export type RunsAs = 'root' | 'login'

/**
 * Shell text that runs the `/bin/sh` after it with a few variables of its own and none that it inherits: sshd's SetEnv,
 * PAM, sudo and rc files may set proxies, PGHOST, KUBECONFIG, TZ or tracing (env(1)). SSH_CONNECTION stays, because the
 * firewall asks for it.
 */
export const ownEnvironment = (as: RunsAs): string =>
  `exec /usr/bin/env -i PATH=${PATH} LC_ALL=C ` +
  (as === 'root'
    ? 'HOME=/root USER=root LOGNAME=root '
    : 'HOME="$HOME" USER="$USER" LOGNAME="$LOGNAME" ') +
  '${SSH_CONNECTION:+"SSH_CONNECTION=$SSH_CONNECTION"}'

/**
 * A command that runs a POSIX script in a `/bin/sh`, with its standard input. Every login shell takes it alike: sh, csh, fish, rc
 * and others agree on `exec`, on words of letters, digits, + and /, and on single quotes around text without single quotes,
 * exclamation marks, line ends and double backslashes. The script travels as base64, which no shell and no trace (`set -v`)
 * can mistake for anything else. It is padded with line ends, because base64 would pad with =, which rc does not take.
 * `environment`: shell text before that `/bin/sh`.
 */
export const forAnyShell = (script: string, environment = 'exec'): string => {
  const bytes = Buffer.from(script)
  const padded = Buffer.concat([bytes, Buffer.alloc((3 - (bytes.length % 3)) % 3, '\n')])
  const words = padded.toString('base64').match(new RegExp(`.{1,${WORD}}`, 'g')) ?? []
  const decoded = '"eval \\"\\$(printf %s \\"\\$@\\" | base64 -d)\\""'
  return `exec /bin/sh -c '${environment} /bin/sh -c ${decoded} /bin/sh "$@"' /bin/sh ${words.join(' ')}`
}

/** A command with exactly these words, in the login's own environment. Plain words go to the login shell, which may have an alias. */
export const wordsForAnyShell = (words: readonly string[]): string =>
  words.every(word => PLAIN.test(word)) ? words.join(' ') : forAnyShell(quoteAll(words))
