import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readCached, writeCached } from '../../cache-dir.ts'

/** An interrupted job is gone on with for so long; later the same command is a new job. */
const KEPT_MS = 12 * 3600 * 1000

/**
 * When a job (a command with its options) was first begun and has not been finished since, on the controller. By it a
 * run that is repeated after an interruption knows what is done already and cannot be seen on the host, such as a reboot.
 */
export class Journal {
  /** Without it the job is a new one. */
  readonly file: string
  constructor(dir: string, job: readonly unknown[]) {
    const id = createHash('sha256').update(JSON.stringify(job)).digest('hex').slice(0, 24)
    this.file = join(dir, 'jobs', id)
  }

  /** When the job that is not finished began, in ms since 1970; undefined: this is a new one. */
  unfinished(now = Date.now()): number | undefined {
    const text = readCached(this.file)?.trim() ?? ''
    const time = /^\d{1,16}$/.test(text) ? Number(text) : 0
    return time > 0 && time <= now && now - time < KEPT_MS ? time : undefined
  }

  /** False: it could not be written down, so a run after an interruption will take the job for a new one. */
  begin(time: number): boolean {
    return writeCached(this.file, `${time}\n`)
  }

  /** Where it cannot be removed it was not written either, or ends by itself after twelve hours. */
  end(): void {
    try {
      rmSync(this.file, { force: true })
    } catch {
      // A read-only cache.
    }
  }
}
