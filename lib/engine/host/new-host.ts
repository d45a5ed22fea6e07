import { UnreachableError } from '../../errors.ts'
import { factOfNew, type NewHost } from '../../facts/fresh.ts'
import type { Facts, FamilyName, Query } from '../../facts/index.ts'
import type { Host } from '../../inventory/types.ts'
import type { Session } from '../../ssh/types.ts'
import { HostRun } from './host-run.ts'

/** A host that does not exist yet, for plans: nothing connects to it, and it answers as a freshly installed one. */
export class NewHostRun extends HostRun {
  readonly #self: NewHost
  readonly #creator: HostRun

  constructor(host: Host, creator: HostRun) {
    super(host, nobody(host, 'does not exist yet'))
    this.#creator = creator
    this.#self = {
      name: host.name,
      os: host.os.family,
      disks: host.disks.map(d => d.device),
      user: host.ssh.user,
    }
  }

  override ask<F extends FamilyName>(query: Query<F>): Promise<Facts[F]> {
    if (isMachine(query)) return this.#creator.ask(query)
    return Promise.resolve(factOfNew(this.#self, query).fact)
  }

  override knows(query: Query): boolean {
    return isMachine(query) || factOfNew(this.#self, query).known
  }
}

/** A VM has the architecture of the host that it runs on. */
const isMachine = ({ family, arg }: Query): boolean => family === 'command' && arg === 'uname -m'

/** A host that does not answer, in a play that works on it from others. It owes nothing that could be known. */
export class GoneHostRun extends HostRun {
  constructor(host: Host) {
    super(host, nobody(host, 'does not answer'))
  }

  override ask<F extends FamilyName>(query: Query<F>): Promise<Facts[F]> {
    if (query.family === 'pending') return Promise.resolve([] as Facts['pending'] as Facts[F])
    return Promise.reject(new UnreachableError(`${this.host.name} does not answer`))
  }
}

const nobody = ({ name, address }: Host, why: string): Session => {
  const none = (): Promise<never> =>
    Promise.reject(new UnreachableError(`${name} ${why}`, { silent: true }))
  return {
    target: { name, address, port: 22, user: 'root', sudo: false },
    trips: 0,
    word: '',
    shellPid: 0,
    lost: false,
    run: none,
    upload: none,
    interrupt: () => Promise.resolve(),
    close: () => undefined,
  }
}
