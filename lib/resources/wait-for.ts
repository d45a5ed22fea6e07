import { gate, type GateOptions } from './gate.ts'

/**
 * A gate that returns what it waited for: asks until nothing is missing in the answer. A plan does not wait; it returns
 * the present answer, whatever is missing.
 *
 * @param name - what is true afterwards, for people
 * @param question - asks the host
 * @param missing - what the answer still lacks, in words; undefined: nothing
 * @throws TaskError when something is still missing after the time limit (default 60 s).
 *
 * @example
 * const token = await waitFor(
 *   'the token exists',
 *   () => readSecret('/var/lib/rancher/k3s/server/token'),
 *   found => (found === null ? 'no token yet' : undefined),
 * )
 */
export async function waitFor<T>(
  name: string,
  question: () => Promise<T>,
  missing: (answer: T) => string | undefined,
  options: GateOptions = {},
): Promise<T> {
  let last: { readonly answer: T } | undefined
  await gate(
    name,
    async () => {
      const answer = await question()
      last = { answer }
      return missing(answer) ?? true
    },
    options,
  )
  // A plan asks no gate on a host that it would have changed by then.
  return last === undefined ? question() : last.answer
}
