import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { demandOwnDir, userDir } from '../cache-dir.ts'
import { UsageError } from '../errors.ts'

/** How many records are kept, and how many bytes they may have together. */
const KEPT = { records: 200, bytes: 256 * 1024 * 1024 }

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

/** Removes the oldest records beyond the limits; the newest stays whatever its size. Never throws. */
export function prune(dir: string, limits: typeof KEPT = KEPT): void {
  let bytes = 0
  let debug = 0
  for (const [index, file] of recordFiles(dir).entries())
    try {
      bytes += statSync(file).size
      debug += bytesIn(debugDir(file))
      const old = index > 0 && (index >= limits.records || bytes > limits.bytes)
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
