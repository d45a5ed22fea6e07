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

/** What kubectl answered, as facts have it. */
export type Answer = Facts['command']

export interface Question {
  /** For a resource's needs. */
  readonly query: Query<'command'>
  /** For a gate, an invariant, or a role that only looks. */
  ask(): Promise<Answer>
}

/** What a host says that has no such program. */
const NO_K3S = { code: 127, stdout: '', stderr: '' }

/** Every pod of a cluster as JSON, say: some 8 KB each. */
export const MUCH = 16 * 1024 * 1024

/** One question to the cluster, through kubectl on the server that this runs for; the same words are asked once. */
export function kubectl(...words: readonly string[]): Question {
  const command = ['k3s', 'kubectl', ...words]
  return {
    query: ask('command', quoteAll(command), NO_K3S, MUCH),
    async ask() {
      const { exitCode, stdout, stderr } = await probe({
        whenNew: NO_K3S,
        maxBytes: MUCH,
      })`${command}`
      return { code: exitCode ?? 1, stdout, stderr }
    },
  }
}

/** There is no K3s on this host yet. */
export const isMissing = ({ code }: Answer): boolean => code === 127

/** Why kubectl gave no answer, in its own last line. */
export const noAnswer = ({ stderr }: Answer): string =>
  `K3s does not answer: ${(stderr.trim().split('\n').at(-1) ?? '').slice(0, 200)}`

/** The name of an object (RFC 1123 subdomain, kubernetes.io "Object Names and IDs"): it stands in hints that people paste. */
export const objectName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected a Kubernetes name')

/** The items of kubectl's answer to the question for `what`, or why nobody knows. */
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
