import { hostname, userInfo } from 'node:os'
import { FmcError, TaskError, UnreachableError } from '../errors.ts'
import { ask, type Query } from '../facts/index.ts'
import {
  armScript,
  confirmScript,
  copiesOf,
  forgetScript,
  keptCopiesOf,
  renewScript,
  stateOf,
  stateScript,
  tidyScript,
  undoNowScript,
  type GuardState,
} from './guard-script.ts'
import { checkPath, expect } from './resource.ts'
import { scope, type Fence, type PlannedChange, type Scope, type TaskRun } from './scope.ts'

/**
 * What `guarded` restores, and how long it waits.
 *
 * @example
 * const options: GuardOptions = {
 *   files: ['/etc/nftables.conf'],
 *   undo: 'nft -f /etc/nftables.conf',
 *   seconds: 90,
 * }
 */
export interface GuardOptions {
  /** Absolute paths of files, links or directories that the body makes, changes or removes. The guard restores them. */
  readonly files?: readonly string[] | undefined
  /**
   * Shell text, run as root in the guard's directory when it is armed: saves there what `undo` needs. It must not change
   * the host.
   */
  readonly save?: string | undefined
  /** Shell text, run as root in the guard's directory after the files are restored: makes them take effect again. */
  readonly undo?: string | undefined
  /** Seconds from a change to the confirmation or to the next change, 5 to 3600; default 60. */
  readonly seconds?: number | undefined
}

/** Time beyond the guard's own, for the undo and for the network to recover. */
const GRACE_SECONDS = 60
const EVERY_MS = 500
const SCRIPT_MS = 180_000

/**
 * Makes changes that could cut this host off (network, firewall, sshd). Before the first change, fmc arms a timer on the host
 * that would undo everything. At the end of the body it runs the notified handlers, opens a NEW connection, and removes the
 * timer over that. If fmc, the controller, the network or the host fails before, the host undoes the changes by itself after
 * `seconds` (counted again from the boot), and the next run reports it. If the body fails, fmc undoes its changes at once. A
 * body that changes nothing arms nothing. Changes on other hosts (`on`) are not undone.
 *
 * @param name - lower-case letters, digits and -, unique on the host
 * @throws TaskError when the change was not confirmed in time and has been undone, or while an earlier one is being undone;
 * UnreachableError when the host cannot be reached any more; and what the body throws.
 *
 * @example
 * const files = ['/etc/systemd/network/10-lan.network']
 * await guarded('network', { files, undo: 'networkctl reload', seconds: 90 }, async () => {
 *   await file('/etc/systemd/network/10-lan.network', {
 *     content: '[Match]\nName=eth0\n[Network]\nDHCP=yes\n',
 *     notify: 'reload networks',
 *   })
 * })
 */
export async function guarded(
  name: string,
  options: GuardOptions,
  body: () => Promise<unknown>,
): Promise<void> {
  const here = scope()
  const { files = [], save = '', undo = '', seconds = 60 } = options
  // A new host has none.
  const query = ask('command', stateScript(name), { code: 0, stdout: '', stderr: '' })
  const fence: Fence = {
    first: armScript(name, { files, save, undo, seconds, who: me() }),
    next: renewScript(name),
    state: 'down',
  }
  let left = false as boolean
  await here.task(`guard ${name}`, async task => {
    expect(/^[a-z0-9][a-z0-9-]{0,40}$/.test(name), `${JSON.stringify(name)} is not a guard's name`)
    expect(seconds >= 5 && seconds <= 3600, 'seconds must be between 5 and 3600')
    files.forEach(checkPath)
    const change = fromBefore(name, fence, known((await here.read(query)).stdout), query)
    left = change?.script === fence.first
    await task.carryOut(change ? [change] : [])
    if (left) fence.state = 'up'
    return { changes: change ? [change] : [] }
  })
  let changed: boolean
  try {
    changed = await here.fenced(fence, async () => {
      await body()
      await here.flush()
    })
  } catch (error) {
    if (stateOfFence(fence) !== 'down') await takeBack(here, name, seconds)
    throw error
  }
  if (left || (here.mode === 'apply' ? stateOfFence(fence) === 'up' : changed))
    await confirm(here, name, seconds)
}

/** A function call, because the compiler does not see that the engine changes the state. */
const stateOfFence = (fence: Fence): Fence['state'] => fence.state

const me = (): string => `${userInfo().username}@${hostname()} pid ${process.pid}`

const known = (text: string): GuardState => {
  const state = stateOf(text)
  if (!state) throw new TaskError(`unexpected state of the guard: ${JSON.stringify(text)}`)
  return state
}

/** The change that deals with what an earlier run has left behind. */
function fromBefore(
  name: string,
  fence: Fence,
  state: GuardState,
  query: Query<'command'>,
): PlannedChange | undefined {
  const factsAfter = [[query, { code: 0, stdout: '', stderr: '' }]] as const
  if (state.is === 'undoing')
    throw new TaskError('rolling back an unconfirmed change; retry in a moment')
  if (state.is === 'armed')
    return {
      what: `take over the unconfirmed change armed ${state.armed}`,
      script: fence.first,
      factsAfter,
    }
  if (state.is === 'left')
    return {
      what: 'remove what an interrupted run has left',
      script: tidyScript(name),
      factsAfter,
    }
  if (state.is === 'undone')
    return {
      what: `${outcomeOf(name, state, `go to ${keptCopiesOf(name, state)}`)} (reported now)`,
      script: forgetScript(name, state),
      factsAfter,
    }
  return undefined
}

type Undone = GuardState & { is: 'undone' }

/** Says in words that and why a change was undone. */
const outcomeOf = (name: string, state: Undone, copies = `are in ${copiesOf(name)}`): string =>
  `undone at ${state.at} because the change armed ${state.armed} was not confirmed` +
  (state.code === 0
    ? ''
    : `; its undo failed with code ${state.code}: journalctl -u fmc-guard-${name}; the copies of the old files ${copies}`)

async function confirm(here: Scope, name: string, seconds: number): Promise<void> {
  await here.task(`confirm ${name}`, async task => {
    if (here.mode !== 'apply')
      return { changes: [], note: 'will be confirmed over a new connection' }
    const start = performance.now()
    const { state, trouble } = await settled(here, task, confirmScript(name), seconds)
    const took = `${((performance.now() - start) / 1000).toFixed(1)} s`
    if (state.is === 'undone')
      throw new TaskError(
        `${trouble === undefined ? 'no confirmation was possible in time' : `no new connection was possible (${trouble})`}, so the host has ${outcomeOf(name, state)}; it answers again after ${took}`,
        {
          hint:
            state.code === 0
              ? 'the host is as it was before; another run will make the change again'
              : 'restore by hand what is not as it was before; another run will make the change again',
        },
      )
    return { changes: [], note: `confirmed over a new connection in ${took}` }
  })
}

/** After a failed or interrupted body: undoes it at once instead of waiting for the timer. The failed task reports the failure. */
async function takeBack(here: Scope, name: string, seconds: number): Promise<void> {
  const undo = here.task(`undo ${name}`, async task => {
    const script = undoNowScript(name)
    const { state } = await settled(here, task, script, seconds)
    if (state.is === 'none') return { changes: [], note: 'nothing was changed' }
    if (state.code !== 0) throw new TaskError(outcomeOf(name, state))
    await task.onNewConnection(forgetScript(name, state), SCRIPT_MS)
    return { changes: [], note: 'the host is as it was before' }
  })
  await undo.catch(() => undefined)
}

/** Runs `script` over new connections until the guard is gone or has undone everything. */
async function settled(
  here: Scope,
  task: TaskRun,
  script: string,
  seconds: number,
): Promise<{ state: Undone | { is: 'none' }; trouble: string | undefined }> {
  const end = performance.now() + (seconds + GRACE_SECONDS) * 1000
  let trouble: string | undefined
  for (;;) {
    try {
      const { code, stdout, stderr } = await task.onNewConnection(script, SCRIPT_MS)
      const state = known(stdout)
      if (state.is === 'undone') return { state, trouble }
      // Left: nothing was armed.
      if ((state.is === 'none' || state.is === 'left') && code === 0)
        return { state: { is: 'none' }, trouble }
      trouble = code === 0 ? 'the host is undoing the change' : stderr.trim()
    } catch (error) {
      if (!(error instanceof FmcError)) throw error
      trouble = error.message
    }
    if (performance.now() > end)
      throw new UnreachableError(
        `no new connection for ${seconds + GRACE_SECONDS} s (${trouble}); the host undoes the change by itself`,
      )
    task.progress(trouble)
    await here.pause(EVERY_MS)
  }
}
