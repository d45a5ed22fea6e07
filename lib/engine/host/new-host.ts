import { UnreachableError } from '../../errors.ts'
import { factOfNew, type NewHost } from '../../facts/new-host.ts'
import type { Facts, FamilyName, Query } from '../../facts/index.ts'
import type { Host } from '../../inventory/types.ts'
import type { Answers } from './answers.ts'
import { HostRun } from './host-run.ts'

/** Answers that do not come from a session: there is nothing to forget or to ask again. */
abstract class FixedAnswers implements Answers {
  abstract ask<F extends FamilyName>(query: Query<F>): Promise<Facts[F]>
  abstract knows(query: Query): boolean
  remembered(): [] {
    return []
  }
  forget(): void {
    // Nothing is remembered.
  }
  refresh(): Promise<void> {
    return Promise.resolve()
  }
  lookAhead(): void {
    // Nothing is asked.
  }
}

/** Answers as the host will when its hypervisor has just created it. */
class NewHostAnswers extends FixedAnswers {
  readonly #self: NewHost
  readonly #creator: Answers

  constructor(host: Host, creator: Answers) {
    super()
    this.#creator = creator
    this.#self = {
      name: host.name,
      os: host.os.family,
      disks: host.disks.map(d => d.device),
      user: host.ssh.user,
    }
  }

  ask<F extends FamilyName>(query: Query<F>): Promise<Facts[F]> {
    if (isArchitecture(query)) return this.#creator.ask(query)
    return Promise.resolve(factOfNew(this.#self, query).fact)
  }

  knows(query: Query): boolean {
    return isArchitecture(query) || factOfNew(this.#self, query).known
  }
}

/** A VM has the architecture of the host that it runs on. */
const isArchitecture = ({ family, arg }: Query): boolean =>
  family === 'command' && arg === 'uname -m'

/** A host without a connection answers nothing, except that no handlers are known to be pending. */
class NoAnswers extends FixedAnswers {
  readonly #why: string

  constructor(why: string) {
    super()
    this.#why = why
  }

  ask<F extends FamilyName>(query: Query<F>): Promise<Facts[F]> {
    if (query.family === 'pending') return Promise.resolve([] as Facts['pending'] as Facts[F])
    return Promise.reject(new UnreachableError(this.#why))
  }

  knows(): boolean {
    return true
  }
}

/** A host that does not exist yet, for plans: it answers as a freshly installed one. */
export const newHost = (host: Host, creator: HostRun): HostRun =>
  new HostRun(host, new NewHostAnswers(host, creator.answers), `${host.name} does not exist yet`)

/** A host that does not answer, in a play that works on it from other hosts. */
export const silentHost = (host: Host): HostRun => {
  const why = `${host.name} does not answer`
  return new HostRun(host, new NoAnswers(why), why)
}
