import { TaskError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import { mark as markOf } from '../ssh/word.ts'

/** The only thing that a dry run writes on a host: a lock file in a tmpfs. */
export const LOCK_FILE = '/run/fmc.lock'

/** Nobody else may work on the host now. The text names who does, since when, and the shell that holds the lock. */
export class LockedError extends TaskError {
  override name = 'LockedError'
}

/** `none`: whoever only looks disturbs nobody and is not kept out, least of all when a run hangs. */
export type LockKind = 'exclusive' | 'shared' | 'none'

/**
 * Takes flock(1) on descriptor 9 of the session's own shell, so that the lock ends with the session.
 * An apply takes its own hosts' exclusively; a plan, and an apply on hosts that it only works through (`on`), shared. All sign it. `command exec` keeps the shell alive when /run cannot be written.
 */
export function lockScript(
  kind: LockKind,
  who: string,
): {
  script: string
  /** `word`: of the session that ran the script (Session.word). */
  read: (stdout: string, word: string) => { error: Error | undefined; rest: string }
} {
  const { spelled: mark, printed } = markOf('lock')
  const sign = `printf '%s (shell pid %d)\\n' ${quote(who)} $$ >${LOCK_FILE}; `
  // Only root can open it for writing: a process is spent on asking who we are only when that has failed.
  const script =
    kind === 'none'
      ? `printf 'mine${mark}'`
      : `if ! command -v flock >/dev/null; then printf 'flock${mark}'
elif ! command exec 9<>${LOCK_FILE}; then if [ "$(id -u)" = 0 ]; then printf 'open${mark}'; else printf 'root${mark}'; fi
elif flock -n ${kind === 'shared' ? '-s ' : ''}9; then ${sign}printf 'mine${mark}'
else printf 'locked %s${mark}' "$(head -c 400 ${LOCK_FILE})"; fi`
  return {
    script,
    read(stdout, word) {
      const end = printed(word)
      const cut = stdout.indexOf(end)
      if (cut < 0)
        return {
          error: new TaskError('the host did not answer to the request for its lock'),
          rest: '',
        }
      return { error: verdict(stdout.slice(0, cut).trim()), rest: stdout.slice(cut + end.length) }
    },
  }
}

function verdict(answer: string): Error | undefined {
  if (answer === 'mine') return undefined
  if (answer === 'root')
    return new TaskError(
      'fmc must be root on the host: set `ssh: {sudo: true}` in the inventory, or log in as root',
    )
  if (answer === 'flock') return new TaskError('the host has no flock (util-linux)')
  if (answer === 'open') return new TaskError(`the host cannot write ${LOCK_FILE}`)
  const holder = answer.replace(/^locked ?/, '')
  const shell = /\(shell pid (\d+)\)$/.exec(holder)?.[1]
  return new LockedError(`another fmc run is at work on this host: ${holder || 'unknown'}`, {
    hint:
      'wait for it' +
      (shell === undefined
        ? ''
        : `; if it was cut off from the host and does not run any more, end its shell there: kill -HUP ${shell}`),
  })
}
