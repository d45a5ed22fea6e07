import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { demandOwnDir, userDir } from '../cache-dir.ts'
import { UsageError } from '../errors.ts'
import { cleanLine } from '../text/sanitise.ts'

/** Which records are kept. */
export interface Retention {
  readonly records: number
  /** Of all records together, and again of all that `--debug` wrote. */
  readonly bytes: number
  /** Undefined: of any age. */
  readonly days?: number | undefined
}

const MB = 1024 * 1024
const KEPT: Retention = { records: 200, bytes: 256 * MB }

/**
 * What the user wants to keep: $FMC_RUNS_KEEP records (default 200), at most $FMC_RUNS_MB megabytes (default 256), none older
 * than $FMC_RUNS_DAYS days (default: of any age). Throws UsageError unless each is a whole number of at least 1.
 */
export function retention(env: NodeJS.ProcessEnv = process.env): Retention {
  const number = (name: string): number | undefined => {
    const text = env[name] ?? ''
    if (text === '') return undefined
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    throw new UsageError(`${name}=${cleanLine(text)}: expected a whole number of at least 1`, {
      hint: `unset ${name}`,
    })
  }
  return {
    records: number('FMC_RUNS_KEEP') ?? KEPT.records,
    bytes: (number('FMC_RUNS_MB') ?? KEPT.bytes / MB) * MB,
    days: number('FMC_RUNS_DAYS'),
  }
}

const NAME = /^\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}\.jsonl$/

/**
 * Where the records of runs against real hosts are: `fmc/runs` in $FMC_STATE, else in $XDG_STATE_HOME, else in ~/.local/state.
 * Throws UsageError when there is no home directory.
 */
export function runsDir(env: NodeJS.ProcessEnv = process.env): string {
  const state = env['FMC_STATE']
    ? resolve(env['FMC_STATE'])
    : userDir('XDG_STATE_HOME', join('.local', 'state'), env)
  if (state === undefined)
    throw new UsageError('there is no home directory for the records of runs', {
      hint: 'export HOME=/root   # or FMC_STATE',
    })
  return join(state, 'fmc', 'runs')
}

/** Where a lab's records are: they are removed together with the lab. */
export const labRunsDir = (labDir: string): string => join(labDir, 'runs')

/** Throws UsageError when another user owns or may write the directory: fmc takes host names from records. */
export const demandOwnRuns = (dir: string): void =>
  demandOwnDir(`the records of runs in ${dir}`, dir)

/** The file for a run that begins at this time; names sort by time. */
export const recordFile = (dir: string, begin: Date, id: string): string =>
  join(dir, `${begin.toISOString().replace(/[-:]/g, '')}-${id}.jsonl`)

/** The records in a directory, newest first; none if the directory is missing or cannot be read. */
export function recordFiles(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter(name => NAME.test(name))
      .sort()
      .reverse()
      .map(name => join(dir, name))
  } catch {
    return []
  }
}

/** The directory beside a record for what `--debug` writes about the same run. It goes with the record. */
export const debugDir = (record: string): string => record.replace(/\.jsonl$/, '.debug')

const DAY_MS = 24 * 60 * 60 * 1000

/** Removes the oldest records beyond the limits; the newest stays whatever its size and age. Never throws. */
export function prune(dir: string, limits: Retention = KEPT, now = Date.now()): void {
  let bytes = 0
  let debug = 0
  const oldest = limits.days === undefined ? 0 : now - limits.days * DAY_MS
  for (const [index, file] of recordFiles(dir).entries())
    try {
      const stat = statSync(file)
      bytes += stat.size
      debug += bytesIn(debugDir(file))
      const old =
        index > 0 && (index >= limits.records || bytes > limits.bytes || stat.mtimeMs < oldest)
      if (old) rmSync(file)
      if (old || (index > 0 && debug > limits.bytes))
        rmSync(debugDir(file), { recursive: true, force: true })
    } catch {
      // Another fmc has removed it, or it cannot be removed.
    }
}

/** Of the files in a directory; 0: there is none. */
const bytesIn = (dir: string): number =>
  existsSync(dir)
    ? readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
    : 0
