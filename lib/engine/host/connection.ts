import { setTimeout as sleep } from 'node:timers/promises'
import { TaskError, UnreachableError } from '../../errors.ts'
import { RELEASE } from '../../ssh/kept.ts'
import type { Output, Session } from '../../ssh/types.ts'
import { KEPT_BYTES } from './output.ts'

/** For the order to reboot, and between two attempts to connect again. */
const ORDER_TIMEOUT_MS = 60_000
const RETRY_MS = 500
/** A session that does not run an empty command within this time did not survive a change to the network. */
const SIGN_OF_LIFE_MS = 5_000

/** How to open further sessions to the host. */
export interface Openers {
  /** Opens the host's session again, with its lock; fails while the host still runs the boot `notBoot`. Throws UnreachableError, LockedError. */
  readonly reopen: (notBoot?: string) => Promise<Session>
  /** Opens a second session, without the lock. Throws UnreachableError. */
  readonly second: () => Promise<Session>
}

/** The connection to one host. Its session is replaced when it is lost, after a reboot, and after a change to the network. */
export class Connection {
  #session: Session
  readonly #open: Openers

  constructor(session: Session, open: Openers) {
    this.#session = session
    this.#open = open
  }

  get session(): Session {
    return this.#session
  }

  /** Gives back the host's lock. A session that does not answer keeps it until it ends. */
  async release(): Promise<void> {
    if (!this.#session.lost) await this.#runs(RELEASE)
  }

  /** Replaces a session that was lost. Throws UnreachableError, LockedError. */
  async reopen(): Promise<void> {
    this.#session = await this.#open.reopen()
  }

  /** Runs a script over a new connection; afterwards the host's session works too. Throws UnreachableError, TaskError. */
  async onNewConnection(script: string, timeoutMs: number): Promise<Output> {
    const second = await this.#open.second()
    try {
      const output = await second.run(script, { timeoutMs })
      if (!(await this.#runs(':'))) await this.#replace(second)
      return output
    } finally {
      second.close()
    }
  }

  /** Does the session run a script that takes no time? */
  async #runs(script: string): Promise<boolean> {
    const alive = this.#session.run(script).then(
      () => true,
      () => false,
    )
    return Promise.race([alive, sleep(SIGN_OF_LIFE_MS, false, { ref: false })])
  }

  /** Ends the shell of the lost session first: the host may not have noticed the loss, and that shell would keep the lock. */
  async #replace(second: Session): Promise<void> {
    const { shellPid } = this.#session
    this.#session.close()
    if (shellPid > 1)
      await second.run(`kill -HUP ${shellPid}; i=0
while [ $i -lt 50 ] && kill -0 ${shellPid}; do i=$((i + 1)); sleep 0.1; done`)
    await this.reopen()
  }

  /** Runs a script that reboots the host, and waits until the host answers with another boot id. Resolves with the script's result if it fails. */
  async reboot(script: string, timeoutMs: number): Promise<Output> {
    const { stdout: boot } = await this.#session.run('cat /proc/sys/kernel/random/boot_id', {
      maxBytes: 1024,
    })
    const done = { code: 0, stdout: '', stderr: '' }
    const result = await this.#session
      .run(script, { timeoutMs: ORDER_TIMEOUT_MS, lastBytes: KEPT_BYTES })
      .catch((error: unknown) => {
        if (error instanceof UnreachableError) return done
        throw error
      })
    if (result.code !== 0) return result
    this.#session.close()
    const end = performance.now() + timeoutMs
    for (;;) {
      try {
        this.#session = await this.#open.reopen(boot.trim())
        return done
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error
        if (performance.now() > end) throw notBack(timeoutMs, error)
      }
      await sleep(RETRY_MS)
    }
  }
}

const notBack = (timeoutMs: number, error: Error): TaskError =>
  new TaskError(
    `the host did not come back within ${Math.round(timeoutMs / 60_000)} min of its reboot: ${error.message}`,
    { hint: 'look at its console; once it is up, run the same command again to resume' },
  )
