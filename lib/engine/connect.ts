import { hostname, userInfo } from 'node:os'
import { ask, batch, keyOf, type Query } from '../facts/index.ts'
import { TaskError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import type { Secret } from '../secrets/secret.ts'
import type { OpenSession, Target } from '../ssh/types.ts'
import { marksOf } from './handlers.ts'
import { HostRun } from './host-run.ts'
import { lockScript } from './lock.ts'
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
}

/**
 * Connects, takes the lock and asks last time's questions: one handshake and one round trip.
 * Throws UnreachableError, LockedError, TaskError.
 */
export async function connect(
  host: Host,
  roles: readonly string[],
  lock: 'exclusive' | 'shared',
  o: ConnectOptions,
): Promise<{ run: HostRun; save: () => void }> {
  const memory = new Questions(o.cacheDir, o.inventoryFile, o.command, host.name)
  const remembered = memory.load()
  const owed = roles.map((r): Query => ask('pending', marksOf(r)))
  const questions = batch([...new Map([...owed, ...remembered].map(q => [keyOf(q), q])).values()])
  const { script, read } = lockScript(
    lock,
    `${userInfo().username}@${hostname()} pid ${process.pid} since ${new Date().toISOString()} (${o.command})`,
  )
  const { session, first: answer } = await o.openSession(
    o.targetOf(host),
    `${script}\n${questions.script}`,
  )
  try {
    // A remembered question that takes too long or says too much costs time, never a run.
    const output = await answer?.catch((error: unknown) => {
      if (error instanceof TaskError && remembered.length > 0) return session.run(script)
      throw error
    })
    if (!output) throw new Error('the host did not answer')
    const { error, rest } = read(output.stdout)
    if (error) throw error
    const run = new HostRun(host, session, o.secrets)
    run.learnIfSound(() => questions.parse({ ...output, stdout: rest }))
    return { run, save: () => memory.save([...run.asked.values()], remembered) }
  } catch (error) {
    session.close()
    throw error
  }
}
