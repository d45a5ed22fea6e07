import type { Mode } from '../../resources/scope.ts'
import { Forecast } from './forecast.ts'

/** What the roles of one host share within one pass. */
export class HostPass {
  readonly forecast = new Forecast()
  /** The task that changes more than it can name: what is read after it may not hold. */
  doubt: string | undefined
  /** A probe read the host where a change is planned. */
  estimate = false
  /** A task of this pass changes the host. */
  dirty = false
  /** Handlers (role/name) that have run, or would have. */
  readonly handled = new Set<string>()
}

/** One sweep over hosts: planning, applying or verifying. */
export class Pass {
  readonly mode: Mode
  readonly #hosts = new Map<string, HostPass>()

  constructor(mode: Mode) {
    this.mode = mode
  }

  of(host: string): HostPass {
    let state = this.#hosts.get(host)
    if (!state) this.#hosts.set(host, (state = new HostPass()))
    return state
  }
}
