import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readCached, writeCached } from '../../cache-dir.ts'

/** How long an interrupted job can be resumed; after that the same command is a new job. */
const KEPT_MS = 12 * 3600 * 1000

/**
 * Remembers on the controller when a job (a command with its options) began, until the job is finished. A run that resumes
 * an interrupted job can then tell what it has done already and cannot see on the host, such as a reboot.
 */
export class Journal {
  /** Remove it to make the job a new one. */
  readonly file: string
  constructor(dir: string, job: readonly unknown[]) {
    const id = createHash('sha256').update(JSON.stringify(job)).digest('hex').slice(0, 24)
    this.file = join(dir, 'jobs', id)
  }

  /** When the interrupted job began, in ms since 1970; undefined: there is none. */
  unfinished(now = Date.now()): number | undefined {
    const text = readCached(this.file)?.trim() ?? ''
    const time = /^\d{1,16}$/.test(text) ? Number(text) : 0
    return time > 0 && time <= now && now - time < KEPT_MS ? time : undefined
  }

  /** Writes down that the job began. False: that failed, so a later run cannot resume this one. */
  begin(time: number): boolean {
    return writeCached(this.file, `${time}\n`)
  }

  /** The job is finished. A file that cannot be removed either was never written, or expires after twelve hours. */
  end(): void {
    try {
      rmSync(this.file, { force: true })
    } catch {
      // A read-only cache.
    }
  }
}
