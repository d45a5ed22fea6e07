import { TaskError } from '../../errors.ts'
import { mark } from '../../ssh/word.ts'
import { LOCK_FILE, takeLock } from './lock-script.ts'

/** Another run works on the host. The message names it, since when it runs, and the process that holds the lock. */
export class LockedError extends TaskError {
  override name = 'LockedError'
}

/** `none`: read-only playbooks take no lock, so they also work while a run hangs. */
export type LockKind = 'exclusive' | 'shared' | 'none'

/**
 * The script that takes the lock: flock(1) on descriptor 9 of the session's own shell, so that the lock ends with the
 * session. A run takes the lock of its own hosts exclusively; a dry run takes it shared, and so does a run on hosts that it
 * only reaches with `on`. Each writes `who` into the lock file. A lock that another run holds is waited for, for a few seconds (`seconds`).
 */
export function lockScript(
  kind: LockKind,
  who: string,
  seconds?: number,
): {
  script: string
  /** `word`: of the session that ran the script (Session.word). */
  read: (stdout: string, word: string) => { error: Error | undefined; rest: string }
} {
  const { spelled, printed } = mark('lock')
  const take = kind === 'none' ? 'printf mine' : takeLock(kind, who, seconds)
  return {
    script: `${take}\nprintf '${spelled}'`,
    read(stdout, word) {
      const end = printed(word)
      const cut = stdout.indexOf(end)
      if (cut < 0)
        return {
          error: new TaskError('the host did not answer the request for its lock'),
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
    return new TaskError('the host did not answer the request for its lock as expected')
  const [holders = '', signed = ''] = answer.slice('locked\n'.length).split('\x1d')
  return locked(holdersOf(holders), signaturesOf(signed))
}

interface Holder {
  readonly pid: string
  readonly user: string
  readonly command: string
}

/** The processes that hold the lock as root. What a host says about itself is data: skip lines that make no sense. */
const holdersOf = (text: string): readonly Holder[] =>
  text.split('\n').flatMap(line => {
    const [, pid, user, command] = /^root (\d{1,10}) (\S{1,64}) (.*)$/.exec(line) ?? []
    return pid && user ? [{ pid, user, command: printable(command ?? '') }] : []
  })

/** Shell pid → the name that this shell's run wrote into the lock file. A later line replaces an earlier one. */
const signaturesOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\n').flatMap(line => {
      const [, who, pid] = /^(.{1,400}) \(shell pid (\d{1,10})\)$/.exec(line) ?? []
      return who && pid ? [[pid, printable(who)] as const] : []
    }),
  )

const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').trim()

/** The command that ends these processes. HUP ends a session's shell; TERM would only end what the shell runs. */
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

/** Believes a name in the lock file only if its process holds the lock: an old line may name a run that is over. */
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
      `another fmc run holds the lock of this host: ${[...runs, ...others].join('; ')}`,
      {
        hint: `wait for it; if that run has died, end its shell there: ${ending(holders, signatures)}`,
      },
    )
  if (others.length > 0)
    return new LockedError(`the lock of this host, ${LOCK_FILE}, is held by ${others.join('; ')}`, {
      hint: `wait until it ends, or end it there: ${ending(holders, signatures)}`,
    })
  return new LockedError(
    `the lock of this host, ${LOCK_FILE}, is held by a process that cannot be seen from the host`,
    {
      hint: `make sure that no other run works on this host, then remove the file there: rm ${LOCK_FILE}`,
    },
  )
}
