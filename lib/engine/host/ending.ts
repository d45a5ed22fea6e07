import { setTimeout as sleep } from 'node:timers/promises'
import { TaskError } from '../../errors.ts'
import type { Host } from '../../inventory/types.ts'
import type { RunSettings } from '../settings.ts'
import type { Traffic } from './traffic.ts'

/** After SIGTERM: how often, and how many times in a row, no host may work before roles are no longer waited for. */
const QUIET_EVERY_MS = 100
const QUIET_CHECKS = 20

/** What ends a run although some of its roles have not ended: the second Ctrl-C, SIGTERM, or that nothing can go on. */
export class Ending {
  readonly #traffic: Traffic
  /** The roles that are running, by host. */
  readonly #roles = new Map<Host, string>()
  /** Rejects when the run is to end: from then on no host is waited for. */
  readonly #ended: Promise<never>
  #give: (why: Error) => void = () => undefined

  /** `endAll`: ends what runs on the hosts. */
  constructor({ kill, term }: RunSettings, traffic: Traffic, endAll: () => Promise<void>) {
    this.#traffic = traffic
    this.#ended = new Promise((_, reject) => {
      this.#give = reject
      const over = (): void => reject(new DOMException('the run was ended', 'AbortError'))
      kill.addEventListener('abort', () => void endAll().then(over), { once: true })
      term?.addEventListener('abort', () => void this.#untilQuiet().then(over), { once: true })
    })
    this.#ended.catch(() => undefined)
  }

  /** Waits for the work, but no longer than until the run is to end. */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended])
  }

  /** Remembers that a role runs on the host, until its work is done. */
  async during<T>(host: Host, role: string, work: () => Promise<T>): Promise<T> {
    this.#roles.set(host, role)
    try {
      return await work()
    } finally {
      this.#roles.delete(host)
    }
  }

  /** Nothing is under way any more in this process, so the roles that are running can never go on: they fail. */
  giveUp(): void {
    const roles = [...new Set(this.#roles.values())].join(', ')
    this.#give(
      new TaskError(
        `${roles === '' ? 'the playbook' : `the role ${roles}`} waits for something that never happens`,
        { hint: 'look in its code for a promise that nothing resolves' },
      ),
    )
  }

  /** Resolves when no host has worked for this run for a moment: a role that still runs does not get anywhere. */
  async #untilQuiet(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_CHECKS; quiet = this.#traffic.quiet ? quiet + 1 : 0)
      await sleep(QUIET_EVERY_MS)
  }
}
