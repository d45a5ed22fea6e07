import { setTimeout as sleep } from 'node:timers/promises'
import { TaskError } from '../../errors.ts'
import { within, type Scope } from '../../resources/scope.ts'
import type { HostRun } from '../host/host-run.ts'
import type { Run } from '../settings.ts'

/** Runs code of a play (its order or its invariant) on a host. The code only reads, and its probes ask the host, not memory. */
export const asPlay = <T>(run: Run, host: HostRun, code: () => Promise<T>): Promise<T> =>
  within(playScope(run, host), code, { fresh: true })

function playScope(run: Run, connected: HostRun): Scope {
  const { host, answers } = connected
  const { settings, fleet } = run
  const refuse = (): never => {
    throw new TaskError('the order and the invariant of a play can only read: use probe')
  }
  const scope: Scope = {
    settings,
    host,
    role: 'play',
    mode: 'apply',
    doubt: undefined,
    dirty: false,
    read: (query, options = {}) => answers.ask(query, options.fresh),
    reach: async name => (name === host.name ? scope : playScope(run, await fleet.reach(name))),
    pause: ms => sleep(ms, undefined, { signal: settings.stop }),
    markEstimate: refuse,
    task: refuse,
    observe: refuse,
    willExist: refuse,
    fenced: refuse,
    flush: refuse,
    excerpt: output => connected.excerpt(output),
  }
  return scope
}
