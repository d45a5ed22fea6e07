import { ask, probe, quoteAll, type Facts, type Query } from '../../lib/index.ts'

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
  `K3s does not answer: ${stderr.trim().split('\n').at(-1) ?? ''}`
