import { hostname, userInfo } from 'node:os'
import { ask, batch, keyOf, type Query } from '../../facts/index.ts'
import { TaskError, UnreachableError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { Secret } from '../../secrets/secret.ts'
import type { OpenSession, Session, Target } from '../../ssh/types.ts'
import { marksOf } from '../role/handlers.ts'
import { HostRun, PROBE_TIMEOUT_MS, type Ways } from './host-run.ts'
import { lockScript, type LockKind } from './lock.ts'
import { Questions } from './questions.ts'

export interface ConnectOptions {
  readonly openSession: OpenSession
  readonly targetOf: (host: Host) => Target
  /** Never shown. */
  readonly secrets: readonly Secret[]
  readonly cacheDir: string
  readonly inventoryFile: string
  /** What is run; questions are remembered for it. */
  readonly command: string
  readonly dryRun: boolean
}

/**
 * Connects, takes the lock and asks last time's questions: one handshake and one round trip.
 * Throws UnreachableError, LockedError, TaskError.
 */
export async function connect(
  host: Host,
  roles: readonly string[],
  lock: LockKind,
  o: ConnectOptions,
): Promise<{ run: HostRun; save: () => void }> {
  const memory = new Questions(o.cacheDir, o.inventoryFile, o.command, host.name)
  const remembered = memory.load()
  const owed = roles.map((r): Query => ask('pending', marksOf(r)))
  const questions = batch([...new Map([...owed, ...remembered].map(q => [keyOf(q), q])).values()])
  const signed = (): ReturnType<typeof lockScript> => lockScript(lock, signature(o))
  const { script, read } = signed()
  const { session, first: answer } = await o.openSession(
    o.targetOf(host),
    `${script}\n${questions.script}`,
    { timeoutMs: PROBE_TIMEOUT_MS, maxBytes: LOCK_BYTES + questions.maxBytes },
  )
  try {
    // A remembered question that takes too long or says too much costs time, never a run.
    const output = await answer?.catch((error: unknown) => {
      if (error instanceof TaskError && remembered.length > 0)
        return session.run(script, LOCK_ANSWER)
      throw error
    })
    if (!output) throw new Error('the host did not answer')
    const { error, rest } = read(output.stdout, session.word)
    if (error) throw error
    const run = new HostRun(
      host,
      session,
      o.secrets,
      waysTo(o.openSession, o.targetOf(host), signed),
    )
    run.learnIfSound(() => questions.parse({ ...output, stdout: rest }, session.word))
    return { run, save: () => memory.save([...run.asked.values()], remembered) }
  } catch (error) {
    session.close()
    throw error
  }
}

/** Most that a host says to the request for its lock: who holds it, and what they wrote there. */
const LOCK_BYTES = 64 * 1024
const LOCK_ANSWER = { timeoutMs: PROBE_TIMEOUT_MS, maxBytes: LOCK_BYTES, marked: true }

const signature = ({ command, dryRun }: ConnectOptions): string =>
  `${userInfo().username}@${hostname()} pid ${process.pid} since ${new Date().toISOString()} (${command}${dryRun ? ', a dry run' : ''})`

/** How long a host that is rebooting, or whose network was changed, may take to answer one attempt. */
const RETRY_MS = 5000

const waysTo = (
  openSession: OpenSession,
  target: Target,
  signed: () => ReturnType<typeof lockScript>,
): Ways => {
  const beside = async (): Promise<Session> =>
    (await openSession({ ...target, connectTimeoutMs: RETRY_MS })).session
  return {
    beside,
    reopen: async notBoot => {
      const session = await beside()
      try {
        // The lock comes last: the session that the old system has not ended yet may still hold it.
        const { stdout: boot } = await session.run('cat /proc/sys/kernel/random/boot_id', {
          maxBytes: 1024,
        })
        if (boot.trim() === notBoot)
          throw new UnreachableError(`${target.name}: it has not shut down yet`)
        const { script, read } = signed()
        const { error } = read((await session.run(script, LOCK_ANSWER)).stdout, session.word)
        if (error) throw error
        return session
      } catch (error) {
        session.close()
        throw error
      }
    },
  }
}
