import { TaskError } from '../errors.ts'
import { missing, untilHolds, type Answer } from './holds.ts'
import { expect } from './resource.ts'
import { manner, scope, within, type Heard, type Scope } from './scope.ts'

export interface GateOptions {
  /** Fail after this many seconds; default 60. $FMC_GATE_SECONDS on the controller overrides it for all gates. It does not end a probe that hangs: give that a limit of its own (`curl --max-time 2`). */
  readonly timeoutSeconds?: number
  /** Seconds between two checks; default 1. */
  readonly everySeconds?: number
  /** What a dry run checks instead: for a check that leaves a trace on the host, even for a moment. */
  readonly inDryRun?: Check
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
 * Waits until a condition holds; only then does the role go on. It must not change anything, and leave no trace in a dry run (`inDryRun`). Probes in the check ask the host
 * every time. In a plan it checks once if no earlier task would change this host, so that a dry run shows an unhealthy
 * cluster; otherwise the task says that it will wait.
 *
 * Before a gate fmc runs the handlers that are due, on every host of this role: those that tasks have notified so far, and,
 * once the role has run another task than gates, those that are pending from an interrupted run. If the gate stays closed,
 * the error shows what its last probes printed.
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
  const { timeoutSeconds = 60, everySeconds = 1, inDryRun = check, evidence } = options
  let heard: Heard[] = []
  const asked = (fresh: boolean, what = check): ReturnType<Check> => {
    heard = []
    const round = heard
    return within(here, what, { fresh, heard: answer => void round.push(answer) })
  }
  await here.task(
    `gate ${name}`,
    async task => {
      if (here.mode === 'plan') {
        if (here.dirty) return { changes: [], note: 'will wait for it' }
        const why = missing(
          await asked(
            manner().fresh ?? false,
            here.settings.dryRun || here.settings.readOnly ? inDryRun : check,
          ),
        )
        if (why === undefined) return { changes: [] }
        return { changes: [], waiting: why, output: lastWords(here, heard) }
      }
      const limit = limitOf(timeoutSeconds)
      const why = await untilHolds(() => asked(true), {
        seconds: limit,
        pause: text => {
          task.progress(text)
          return here.pause(everySeconds * 1000)
        },
      })
      if (why === undefined) return { changes: [] }
      const more = evidence && (await within(here, evidence, { fresh: true }))
      throw new TaskError(`the gate "${name}" did not open within ${limit} s: ${why}`, {
        output: [lastWords(here, heard), more].filter(Boolean).join('\n') || undefined,
      })
    },
    { isGate: true },
  )
}

/** Of the probes of one round: how many are shown, and characters of each. */
const SHOWN_PROBES = 3
const SHOWN_OF_EACH = 1000

/** What the last probes of a gate that stayed closed have printed. */
function lastWords(here: Scope, heard: readonly Heard[]): string | undefined {
  const shown = heard.slice(-SHOWN_PROBES).map(({ host, command, answer }) => {
    const said = here.excerpt(`${answer.stdout}\n${answer.stderr}`)
    const where = host === here.host.name ? '' : `${host}: `
    const asked = here.excerpt(command).replaceAll('\n', ' ').slice(0, 200)
    const end = said.length > SHOWN_OF_EACH ? `…${said.slice(-SHOWN_OF_EACH)}` : said
    return `${where}probe ${asked} (exit code ${answer.code})${end === '' ? ' printed nothing' : `:\n${end}`}`
  })
  return shown.length === 0 ? undefined : shown.join('\n')
}
