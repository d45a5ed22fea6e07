import { TaskError } from '../errors.ts'
import { expect } from './resource.ts'
import { scope, within } from './scope.ts'

export interface GateOptions {
  /** Fail after this many seconds; default 60. $FMC_GATE_SECONDS on the controller overrides it for all gates. */
  readonly timeoutSeconds?: number
  /** Seconds between two checks; default 1. */
  readonly everySeconds?: number
  /** Gives more text for the error of a gate that did not open in time, such as the end of a log. */
  readonly evidence?: () => Promise<string>
}

/**
 * A condition for `gate`: resolves to true, to false, or to a text that says what is still missing.
 *
 * @example
 * const ready: Check = async () =>
 *   (await probe`systemctl is-active app`).ok || 'app is not running'
 */
export type Check = () => Promise<boolean | string>

const limitOf = (seconds: number): number => {
  const all = process.env['FMC_GATE_SECONDS']
  expect(
    all === undefined || /^\d{1,5}$/.test(all),
    `FMC_GATE_SECONDS=${all} is not a number of seconds`,
  )
  return Number(all ?? seconds)
}

const missing = (answer: boolean | string): string =>
  typeof answer === 'string' ? answer : 'it does not hold'

/**
 * Waits until a condition holds; only then does the role go on. It must not change anything. Probes in the check ask the host
 * every time. In a plan it checks once if no earlier task would change this host, so that a dry run shows an unhealthy
 * cluster; otherwise the task says that it will wait.
 *
 * @param name - what is true afterwards, for people
 * @throws TaskError when the condition does not hold in time (default 60 s).
 *
 * @example
 * await gate('the API answers', async () => (await probe`curl -fsk https://localhost:6443/readyz`).ok, {
 *   timeoutSeconds: 300,
 *   evidence: async () => (await probe`journalctl -u k3s -n 20`).stdout,
 * })
 */
export async function gate(name: string, check: Check, options: GateOptions = {}): Promise<void> {
  const here = scope()
  const { timeoutSeconds = 60, everySeconds = 1, evidence } = options
  await here.task(`gate ${name}`, async task => {
    if (here.mode === 'plan') {
      if (here.dirty) return { changes: [], note: 'will wait for it' }
      const answer = await check()
      return answer === true ? { changes: [] } : { changes: [], waiting: missing(answer) }
    }
    const limit = limitOf(timeoutSeconds)
    const end = performance.now() + limit * 1000
    for (;;) {
      const answer = await within(here, check, true)
      if (answer === true) return { changes: [] }
      if (performance.now() > end)
        throw new TaskError(
          `the gate "${name}" did not open within ${limit} s: ${missing(answer)}`,
          { output: evidence && (await within(here, evidence, true)) },
        )
      task.progress(missing(answer))
      await here.pause(everySeconds * 1000)
    }
  })
}
