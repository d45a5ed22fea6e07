import pLimit from 'p-limit'
import type { Host } from '../../inventory/types.ts'

/** What the work on hosts needs to know of the run. */
interface Owner {
  /** The run does nothing more on this host. */
  isOut(host: Host): boolean
  /** The result of this work, unless the run ends before. */
  unlessEnded<T>(work: Promise<T>): Promise<T>
  /** Resolves once the attempt to connect to a host only waits. */
  silent(host: Host): Promise<void>
  /** The work on a host has failed, outside of any task. */
  fail(host: Host, error: unknown): void
}

/** Works on several hosts, a number of them at a time. A failure outside of any task drops the host. */
export class Forks {
  readonly #limit: <T>(fn: () => Promise<T>) => Promise<T>
  readonly #owner: Owner

  constructor(forks: number, owner: Owner) {
    this.#limit = pLimit(forks)
    this.#owner = owner
  }

  /** Does some work on each host that is not dropped. */
  async each(hosts: readonly Host[], work: (host: Host) => Promise<void>): Promise<void> {
    await Promise.all(
      hosts.map(host =>
        this.#limit(async () => {
          if (this.#owner.isOut(host)) return
          await this.#guarded(host, work(host))
        }),
      ),
    )
  }

  /**
   * Connects to each host, then does some work on it. A host at whose address nothing answers is not counted any longer:
   * however many of them there are, they cost one time limit together.
   */
  async eachConnected<T>(
    hosts: readonly Host[],
    connect: (host: Host) => Promise<T>,
    work: (host: Host, connected: T) => Promise<void>,
  ): Promise<void> {
    const waiting: Promise<void>[] = []
    await Promise.all(
      hosts.map(host =>
        this.#limit(async () => {
          if (this.#owner.isOut(host)) return
          const connecting = connect(host)
          const answered = connecting.then(
            () => true,
            () => true,
          )
          if (await Promise.race([answered, this.#owner.silent(host).then(() => false)]))
            await this.#guarded(
              host,
              connecting.then(connected => work(host, connected)),
            )
          else
            waiting.push(
              this.#guarded(
                host,
                connecting.then(connected => this.each([host], () => work(host, connected))),
              ),
            )
        }),
      ),
    )
    await Promise.all(waiting)
  }

  async #guarded(host: Host, work: Promise<unknown>): Promise<void> {
    try {
      await this.#owner.unlessEnded(work)
    } catch (error) {
      this.#owner.fail(host, error)
    }
  }
}
