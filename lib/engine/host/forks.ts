import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Host } from '../../inventory/types.ts'

/** How long a host that does not answer counts as one of the forks. */
const PATIENCE_MS = 300

/** What the work on hosts needs to know of the run. */
interface Owner {
  /** The run does nothing more on this host. */
  isOut(host: Host): boolean
  /** The result of this work, unless the run ends before. */
  unlessEnded<T>(work: Promise<T>): Promise<T>
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
   * Connects to each host, then does some work on it. A host that does not answer at once is not counted any longer: however
   * many of them there are, they cost one time limit together.
   */
  async eachConnected<T>(
    hosts: readonly Host[],
    connect: (host: Host) => Promise<T>,
    work: (host: Host, connected: T) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      hosts.map(async host => {
        const begun: Promise<T>[] = []
        await this.#limit(async () => {
          if (this.#owner.isOut(host)) return
          const connecting = connect(host)
          begun.push(connecting)
          await settledWithin(PATIENCE_MS, connecting)
        })
        const [connecting] = begun
        if (connecting)
          await this.#guarded(
            host,
            connecting.then(connected => this.each([host], () => work(host, connected))),
          )
      }),
    )
  }

  async #guarded(host: Host, work: Promise<unknown>): Promise<void> {
    try {
      await this.#owner.unlessEnded(work)
    } catch (error) {
      this.#owner.fail(host, error)
    }
  }
}

/** Resolves when the promise is settled, or after a time in milliseconds. */
async function settledWithin(ms: number, promise: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  const waiting = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)
  await Promise.race([promise.catch(() => undefined), waiting])
  over.abort()
}
