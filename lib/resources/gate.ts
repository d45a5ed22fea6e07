import { TaskError } from '../errors.ts'
import { missing, untilHolds, type Answer } from './holds.ts'
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
export type Check = () => Promise<Answer>

const limitOf = (seconds: number): number => {
  const all = process.env['FMC_GATE_SECONDS']
  expect(
    all === undefined || /^\d{1,5}$/.test(all),
    `FMC_GATE_SECONDS=${all} is not a number of seconds`,
  )
  return Number(all ?? seconds)
}

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
      const why = missing(await check())
      return { changes: [], ...(why === undefined ? {} : { waiting: why }) }
    }
    const limit = limitOf(timeoutSeconds)
    const why = await untilHolds(() => within(here, check, true), {
      seconds: limit,
      pause: text => {
        task.progress(text)
        return here.pause(everySeconds * 1000)
      },
    })
    if (why === undefined) return { changes: [] }
    throw new TaskError(`the gate "${name}" did not open within ${limit} s: ${why}`, {
      output: evidence && (await within(here, evidence, true)),
    })
  })
}
