import { hostname, userInfo } from 'node:os'
import { ask, batch, keyOf, type Query } from '../../facts/index.ts'
import { TaskError, UnreachableError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { Secret } from '../../secrets/secret.ts'
import type { OpenSession, Session, Target } from '../../ssh/types.ts'
import { marksOf } from '../role/marks.ts'
import { PROBE_TIMEOUT_MS, SessionAnswers } from './answers.ts'
import { Connection, type Openers } from './connection.ts'
import { HostRun } from './host-run.ts'
import { lockScript, type LockKind } from './lock.ts'
import { Questions } from './questions.ts'

/** What a run needs to know to connect to its hosts. */
export interface ConnectSettings {
  readonly openSession: OpenSession
  readonly targetOf: (host: Host) => Target
  /** Never shown. */
  readonly secrets: readonly Secret[]
  readonly cacheDir: string
  readonly inventoryFile: string
  /** The command line; the controller remembers the questions of each command. */
  readonly command: string
  readonly dryRun: boolean
}

/** A connected host. */
export interface Connected {
  readonly run: HostRun
  /** Remembers on the controller what this run has asked the host. */
  readonly save: () => void
}

/**
 * Connects, takes the lock and asks last time's questions: one handshake and one round trip. `roles`: whose pending
 * handlers to ask for. Throws UnreachableError, LockedError, TaskError.
 */
export async function connect(
  host: Host,
  roles: readonly string[],
  lock: LockKind,
  settings: ConnectSettings,
): Promise<Connected> {
  const { secrets } = settings
  const memory = new Questions(
    settings.cacheDir,
    settings.inventoryFile,
    settings.command,
    host.name,
  )
  const remembered = memory.load()
  const pending = [ask('os', ''), ...roles.map((r): Query => ask('pending', marksOf(r)))]
  const questions = batch([
    ...new Map([...pending, ...remembered].map(q => [keyOf(q), q])).values(),
  ])
  const signed = (): ReturnType<typeof lockScript> => lockScript(lock, signature(settings))
  const { script, read } = signed()
  const { session, first } = await settings.openSession(
    settings.targetOf(host),
    `${script}\n${questions.script}`,
    { timeoutMs: PROBE_TIMEOUT_MS, maxBytes: LOCK_BYTES + questions.maxBytes },
  )
  try {
    // A remembered question that takes too long or prints too much costs time, but does not fail the run.
    const output = await first?.catch((error: unknown) => {
      if (error instanceof TaskError && remembered.length > 0)
        return session.run(script, LOCK_ANSWER)
      throw error
    })
    if (!output) throw new Error('the host did not answer')
    const { error, rest } = read(output.stdout, session.word)
    if (error) throw error
    const connection = new Connection(session, openers(settings, host, signed))
    const answers = new SessionAnswers(() => connection.session, secrets, remembered.length > 0)
    answers.rememberIfSound(() => questions.parse({ ...output, stdout: rest }, session.word))
    return {
      run: new HostRun(host, answers, connection, secrets),
      save: () => memory.save([...answers.asked.values()], remembered),
    }
  } catch (error) {
    session.close()
    throw error
  }
}

/** Most bytes of a host's answer to the request for its lock: who holds it, and what they wrote there. */
const LOCK_BYTES = 64 * 1024
const LOCK_ANSWER = { timeoutMs: PROBE_TIMEOUT_MS, maxBytes: LOCK_BYTES, marked: true }

const signature = ({ command, dryRun }: ConnectSettings): string =>
  `${userInfo().username}@${hostname()} pid ${process.pid} since ${new Date().toISOString()} (${command}${dryRun ? ', a dry run' : ''})`

/** How long a host that is rebooting, or whose network was changed, may take to answer one attempt. */
const RETRY_MS = 5000

function openers(
  { openSession, targetOf }: ConnectSettings,
  host: Host,
  signed: () => ReturnType<typeof lockScript>,
): Openers {
  const target = targetOf(host)
  const second = async (): Promise<Session> =>
    (await openSession({ ...target, connectTimeoutMs: RETRY_MS })).session
  return {
    second,
    reopen: async notBoot => {
      const session = await second()
      try {
        const { stdout: boot } = await session.run('cat /proc/sys/kernel/random/boot_id', {
          maxBytes: 1024,
        })
        if (boot.trim() === notBoot)
          throw new UnreachableError(`${target.name}: it has not shut down yet`)
        // Take the lock last: until the old system has shut down, the old session there may still hold it.
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
