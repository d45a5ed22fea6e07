import { gate, type GateOptions } from './gate.ts'

/**
 * A gate that returns what it waited for: asks until `missing` names nothing that the answer still lacks.
 * A plan does not wait: it returns today's answer, with whatever is missing.
 *
 *     const step = await waitFor('a server is there to join', decide, step => step.waitsFor)
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
