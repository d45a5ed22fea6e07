import { TaskError } from '../../errors.ts'
import { mark } from '../../ssh/word.ts'
import { LOCK_FILE, takeLock } from './lock-script.ts'

/** Nobody else may work on the host now. The text names who does, since when, and the process that holds the lock. */
export class LockedError extends TaskError {
  override name = 'LockedError'
}

/** `none`: whoever only looks disturbs nobody and is not kept out, least of all when a run hangs. */
export type LockKind = 'exclusive' | 'shared' | 'none'

/**
 * Takes flock(1) on descriptor 9 of the session's own shell, so that the lock ends with the session.
 * An apply takes its own hosts' exclusively; a plan, and an apply on hosts that it only works through (`on`), shared. All sign it.
 */
export function lockScript(
  kind: LockKind,
  who: string,
): {
  script: string
  /** `word`: of the session that ran the script (Session.word). */
  read: (stdout: string, word: string) => { error: Error | undefined; rest: string }
} {
  const { spelled, printed } = mark('lock')
  const take = kind === 'none' ? 'printf mine' : takeLock(kind, who)
  return {
    script: `${take}\nprintf '${spelled}'`,
    read(stdout, word) {
      const end = printed(word)
      const cut = stdout.indexOf(end)
      if (cut < 0)
        return {
          error: new TaskError('the host did not answer to the request for its lock'),
          rest: '',
        }
      return { error: verdict(stdout.slice(0, cut)), rest: stdout.slice(cut + end.length) }
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
  if (answer === 'open')
    return new TaskError(`the host cannot write ${LOCK_FILE}`, { hint: `ls -la ${LOCK_FILE}*` })
  if (!answer.startsWith('locked\n'))
    return new TaskError('the host gave no sound answer to the request for its lock')
  const [holders = '', signed = ''] = answer.slice('locked\n'.length).split('\x1d')
  return locked(holdersOf(holders), signaturesOf(signed))
}

interface Holder {
  readonly pid: string
  readonly user: string
  readonly command: string
}

/** The processes that may keep fmc out. What a host says about itself is data: a line that makes no sense is none. */
const holdersOf = (text: string): readonly Holder[] =>
  text.split('\n').flatMap(line => {
    const [, pid, user, command] = /^root (\d{1,10}) (\S{1,64}) (.*)$/.exec(line) ?? []
    return pid && user ? [{ pid, user, command: printable(command ?? '') }] : []
  })

/** Shell pid → who wrote into the file that this shell holds it; what was written last counts. */
const signaturesOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\n').flatMap(line => {
      const [, who, pid] = /^(.{1,400}) \(shell pid (\d{1,10})\)$/.exec(line) ?? []
      return who && pid ? [[pid, printable(who)] as const] : []
    }),
  )

const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').trim()

/** What ends these processes. A session's shell does not obey TERM, which ends only what it runs; HUP ends it. */
function ending(holders: readonly Holder[], signatures: ReadonlyMap<string, string>): string {
  const isShell = (h: Holder): boolean =>
    signatures.has(h.pid) || /^(\/usr)?(\/bin\/)?(ba|da)?sh( |$)/.test(h.command)
  const pids = (some: readonly Holder[]): string => some.map(h => ` ${h.pid}`).join('')
  const [shells, rest] = [holders.filter(isShell), holders.filter(h => !isShell(h))]
  return [
    ...(shells.length > 0 ? [`kill -HUP${pids(shells)}`] : []),
    ...(rest.length > 0 ? [`kill${pids(rest)}`] : []),
  ].join('; ')
}

/** A signature is believed only of a process that holds the lock: an old one may name a run that is over. */
function locked(holders: readonly Holder[], signatures: ReadonlyMap<string, string>): LockedError {
  const runs = holders.flatMap(({ pid }) => {
    const who = signatures.get(pid)
    return who === undefined ? [] : [`${who} (shell pid ${pid})`]
  })
  const others = holders
    .filter(h => !signatures.has(h.pid))
    .map(h => `process ${h.pid} of ${h.user}${h.command ? ` (${h.command})` : ''}`)
  if (runs.length > 0)
    return new LockedError(
      `another fmc run is at work on this host: ${[...runs, ...others].join('; ')}`,
      {
        hint: `wait for it; if it was cut off from the host and does not run any more, end its shell there: ${ending(holders, signatures)}`,
      },
    )
  if (others.length > 0)
    return new LockedError(`the lock of this host, ${LOCK_FILE}, is held by ${others.join('; ')}`, {
      hint: `wait until it ends, or end it there: ${ending(holders, signatures)}`,
    })
  return new LockedError(
    `the lock of this host, ${LOCK_FILE}, is held by a process that cannot be seen from there`,
    {
      hint: `once you know that no other run is at work on this host, remove the file there: rm ${LOCK_FILE}`,
    },
  )
}
