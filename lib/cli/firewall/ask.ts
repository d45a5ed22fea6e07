import { TaskError } from '../../errors.ts'
import { LISTENING, listeningIn, probeScript, seenIn, type Seen } from '../../firewall/found.ts'
import type { Probe } from '../../firewall/probes.ts'
import type { Session } from '../../ssh/types.ts'

type Asked = Pick<Session, 'run'>

const LISTENING_MS = 30_000
/** A line of ss(8) takes some 100 bytes, the answer to a probe less than 20. */
const MOST_BYTES = 1024 ** 2

/** Where the programs of a host listen for others; undefined: it has no ss(8). Throws TaskError for more than 1 MiB. */
export async function listeningOn(session: Asked): Promise<ReadonlySet<string> | undefined> {
  const limits = { timeoutMs: LISTENING_MS, maxBytes: MOST_BYTES }
  const { code, stdout } = await session.run(LISTENING, limits)
  return code === 0 ? listeningIn(stdout) : undefined
}

/**
 * Lets a host try connections, each for so many seconds; what it saw, by their numbers. Throws TaskError when it saw nothing, or
 * prints more than 1 MiB.
 */
export async function tryFrom(
  session: Asked,
  probes: readonly Probe[],
  seconds: number,
): Promise<ReadonlyMap<number, Seen>> {
  const limits = { timeoutMs: (60 + probes.length * seconds) * 1000, maxBytes: MOST_BYTES }
  const { code, stdout, stderr } = await session.run(probeScript(probes, seconds), limits)
  const answers = seenIn(stdout)
  if (answers.size > 0) return answers
  throw new TaskError(`it could not try a connection: ${stderr.trim() || `exit code ${code}`}`)
}
