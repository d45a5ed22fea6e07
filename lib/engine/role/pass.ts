import type { Facts, FamilyName, Query } from '../../facts/index.ts'
import type { Mode } from '../../resources/scope.ts'
import type { Answers } from '../host/answers.ts'
import { Forecast } from './forecast.ts'

/** What the roles of one host share within one pass. */
export class HostPass {
  readonly forecast = new Forecast()
  /** The task whose changes may alter more than they can name: facts read after it may be outdated. */
  doubt: string | undefined
  /** A probe read the host where a change is planned. */
  estimate = false
  /** A task of this pass changes the host. */
  dirty = false
  /** Handlers (role/name) that have run, or would have. */
  readonly handled = new Set<string>()
  readonly #mode: Mode

  constructor(mode: Mode) {
    this.#mode = mode
  }

  /** The forecast's answer where it has one (not in the apply pass), else the host's. */
  async read<F extends FamilyName>(
    query: Query<F>,
    answers: Answers,
    fresh = false,
  ): Promise<Facts[F]> {
    const fromHost = (q: Query): Promise<unknown> => {
      if (!answers.knows(q)) {
        this.doubt ??= `what a new host would answer to ${q.arg}`
        this.estimate = true
      }
      return answers.ask(q, fresh)
    }
    if (this.#mode !== 'apply') {
      const fact = await this.forecast.read(query, fromHost)
      if (fact !== undefined) return fact as Facts[F]
    }
    return (await fromHost(query)) as Facts[F]
  }
}

/** One pass over hosts: plan, apply or verify. */
export class EnginePass {
  readonly mode: Mode
  /** The first plan: hosts that do not exist yet are planned as they will be. */
  readonly first: boolean
  readonly #hosts = new Map<string, HostPass>()

  constructor(mode: Mode, { first = false } = {}) {
    this.mode = mode
    this.first = first
  }

  /** What this pass knows of a host. */
  of(host: string): HostPass {
    let state = this.#hosts.get(host)
    if (!state) this.#hosts.set(host, (state = new HostPass(this.mode)))
    return state
  }
}
