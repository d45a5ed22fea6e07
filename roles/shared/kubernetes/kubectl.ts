import {
  ask,
  hostItems,
  probe,
  quoteAll,
  TaskError,
  z,
  type Facts,
  type Query,
} from '../../../lib/index.ts'
import { KUBECTL } from '../k3s/platform.ts'

/** The conditions in the status of an object (kubernetes.io, API conventions). */
export const conditions = z
  .array(z.looseObject({ type: z.string(), status: z.string(), message: z.string().optional() }))
  .default([])

/** kubectl's answer, in the form of a fact. */
export type Answer = Facts['command']

export interface Question {
  /** For a resource's needs. */
  readonly query: Query<'command'>
  /** For a gate, an invariant, or a role that only reads. */
  ask(): Promise<Answer>
  /** The same before the role has changed anything: what it then plans does not depend on the answer. */
  before(): Promise<Answer>
}

/** The answer of a host without K3s: command not found. */
const NO_K3S = { code: 127, stdout: '', stderr: '' }

/** Largest answer that is accepted: all pods of a cluster as JSON take some 8 KB each. */
export const MOST_BYTES = 16 * 1024 * 1024

/** A question to the cluster, by kubectl on the server on which it is asked. The same words are asked only once. */
export function kubectl(...words: readonly string[]): Question {
  const command = [...KUBECTL, ...words]
  const read = async (estimate: boolean): Promise<Answer> => {
    const options = { whenNew: NO_K3S, maxBytes: MOST_BYTES, estimate }
    const { exitCode, stdout, stderr } = await probe(options)`${command}`
    return { code: exitCode ?? 1, stdout, stderr }
  }
  return {
    query: ask('command', quoteAll(command), NO_K3S, MOST_BYTES),
    ask: () => read(true),
    before: () => read(false),
  }
}

/** Is there no K3s on the host yet? */
export const isMissing = ({ code }: Answer): boolean => code === 127

/** Why kubectl gave no answer: the last line of its stderr. */
export const noAnswer = ({ stderr }: Answer): string =>
  `K3s does not answer: ${(stderr.trim().split('\n').at(-1) ?? '').slice(0, 200)}`

/** Name of an object (RFC 1123 subdomain, kubernetes.io "Object Names and IDs"). Checked because users paste it from hints. */
export const objectName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected a Kubernetes name')

/** The items of kubectl's answer, or why they are unknown. `what` names them in errors. */
export function itemsIn<T>(
  what: string,
  answer: Answer,
  schema: z.ZodType<T>,
): readonly T[] | string {
  if (answer.code !== 0) return noAnswer(answer)
  try {
    return hostItems('kubectl', what, answer.stdout, schema)
  } catch (error) {
    if (error instanceof TaskError) return error.message
    throw error
  }
}
