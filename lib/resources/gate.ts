import { TaskError } from '../errors.ts'
import { missing, waitFor, type Answer } from './holds.ts'
import { expect } from './resource.ts'
import { scope, within } from './scope.ts'

export interface GateOptions {
  /** Give up after so many seconds; default 60. $FMC_GATE_SECONDS on the controller overrides it for all gates. */
  readonly timeoutSeconds?: number
  /** Ask every so many seconds; default 1. */
  readonly everySeconds?: number
  /** When it has not opened in time: what else to show, such as the end of a log. */
  readonly evidence?: () => Promise<string>
}

/** true, or what is still missing. */
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
 * Waits until a condition holds; the role goes no further before. Changes nothing. In a plan it is asked once,
 * if nothing before it would change this host, so that a dry run shows a sick cluster; else it "will wait".
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
    const why = await waitFor(() => within(here, check, true), {
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
