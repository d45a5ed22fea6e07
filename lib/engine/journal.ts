import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

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
    if (!existsSync(this.file)) return undefined
    const time = Number(readFileSync(this.file, 'utf8').trim())
    return time > 0 && time <= now && now - time < KEPT_MS ? time : undefined
  }

  begin(time: number): void {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 })
    writeFileSync(this.file, `${time}\n`, { mode: 0o600 })
  }

  end(): void {
    rmSync(this.file, { force: true })
  }
}
