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
  undoNowScript,
  type GuardState,
} from './guard-script.ts'
import { checkPath, expect } from './resource.ts'
import { scope, type Fence, type PlannedChange, type Scope, type TaskRun } from './scope.ts'

export interface GuardOptions {
  /** Absolute paths of files, links or directories that the body makes, changes or removes: put back as they were. */
  readonly files?: readonly string[] | undefined
  /** Shell text, run as root in the guard's directory when it is armed: keeps there what `undo` has to know. Must not change the host. */
  readonly save?: string | undefined
  /** Shell text, run as root in the guard's directory after the files are back: makes them count again. */
  readonly undo?: string | undefined
  /** Time from a change to the confirmation, or to the next change; default 60. */
  readonly seconds?: number | undefined
}

/** Beyond the guard's own time, for the undo and for the network to settle. */
const GRACE_SECONDS = 60
const EVERY_MS = 500
const SCRIPT_MS = 180_000

/**
 * Changes that can cut this host off. Before the first one of the body, a timer is armed on the host that puts everything
 * back; handlers notified so far run at the body's end, inside; then a NEW connection must be possible, and over it the
 * timer is taken away. If fmc, the controller, the network or the host dies meanwhile, the host returns by itself after
 * `seconds` (after a boot they count anew), and the next run says so. A body that fails is undone at once. A body that
 * changes nothing arms nothing. What is done on other hosts (`on`) is not undone.
 */
export async function guarded(
  name: string,
  options: GuardOptions,
  body: () => Promise<unknown>,
): Promise<void> {
  const here = scope()
  const { files = [], save = '', undo = '', seconds = 60 } = options
  const query = ask('command', stateScript(name))
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

/** The engine moves it, which the compiler cannot see. */
const stateOfFence = (fence: Fence): Fence['state'] => fence.state

const me = (): string => `${userInfo().username}@${hostname()} pid ${process.pid}`

const known = (text: string): GuardState => {
  const state = stateOf(text)
  if (!state) throw new TaskError(`the guard's mark makes no sense: ${JSON.stringify(text)}`)
  return state
}

/** What an earlier run has left behind, and what becomes of it. */
function fromBefore(
  name: string,
  fence: Fence,
  state: GuardState,
  query: Query<'command'>,
): PlannedChange | undefined {
  const factsAfter = [[query, { code: 0, stdout: '', stderr: '' }]] as const
  if (state.is === 'undoing')
    throw new TaskError('it is undoing right now what was not confirmed: run again in a moment')
  if (state.is === 'armed')
    return {
      what: `take over what was armed ${state.armed} and never confirmed`,
      script: fence.first,
      factsAfter,
    }
  if (state.is === 'undone')
    return {
      what: `${told(name, state, `go to ${keptCopiesOf(name, state)}`)} (told now)`,
      script: forgetScript(name, state),
      factsAfter,
    }
  return undefined
}

type Undone = GuardState & { is: 'undone' }

const told = (name: string, state: Undone, copies = `are in ${copiesOf(name)}`): string =>
  `undone at ${state.at} because nobody confirmed what was armed ${state.armed}` +
  (state.code === 0
    ? ''
    : `; its undo failed with code ${state.code}: journalctl -u fmc-guard-${name}; the copies from before ${copies}`)

async function confirm(here: Scope, name: string, seconds: number): Promise<void> {
  await here.task(`confirm ${name}`, async task => {
    if (here.mode !== 'apply')
      return { changes: [], note: 'will be confirmed over a new connection' }
    const start = performance.now()
    const { state, trouble } = await settled(here, task, confirmScript(name), seconds)
    const took = `${((performance.now() - start) / 1000).toFixed(1)} s`
    if (state.is === 'undone')
      throw new TaskError(
        `${trouble === undefined ? 'no confirmation was possible in time' : `no new connection was possible (${trouble})`}, so the host has ${told(name, state)}; it answers again after ${took}`,
        {
          hint:
            state.code === 0
              ? 'the host is as it was before; running this again will change it again'
              : 'put back by hand what is not as it was before; running this again will change it again',
        },
      )
    return { changes: [], note: `confirmed over a new connection in ${took}` }
  })
}

/** The body has failed or was interrupted: nobody waits for the timer. The failure itself is told by whoever failed. */
async function takeBack(here: Scope, name: string, seconds: number): Promise<void> {
  const undo = here.task(`undo ${name}`, async task => {
    const script = undoNowScript(name)
    const { state } = await settled(here, task, script, seconds)
    if (state.is === 'none') return { changes: [], note: 'nothing had been changed' }
    if (state.code !== 0) throw new TaskError(told(name, state))
    await task.onNewConnection(forgetScript(name, state), SCRIPT_MS)
    return { changes: [], note: 'the host is as it was before' }
  })
  await undo.catch(() => undefined)
}

/** Asks over new connections until the guard is either gone or has undone everything. */
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
      if (state.is === 'none' && code === 0) return { state: { is: 'none' }, trouble }
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
