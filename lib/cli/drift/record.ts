import { rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Event } from '../../engine/events.ts'
import {
  debugDir,
  gitState,
  openRecorder,
  recordedRuns,
  retention,
  shownArgv,
  type RecordedRun,
} from '../../record/index.ts'
import { redactor } from '../../secrets/redact.ts'
import { recordsDir, type Ready } from '../prepare.ts'
import { shardLine } from '../shard.ts'
import { driftKey, foundIn, whatOf, type Found } from './found.ts'

declare const FMC_VERSION: string

/** The recorded runs of the command's inventory, newest first; none if there is no place for them. */
export function records({ chosen }: Ready): Iterable<RecordedRun> {
  try {
    return recordedRuns(recordsDir(chosen.lab))
  } catch {
    return []
  }
}

/** A check's record, which begins now. */
export interface CheckRecord {
  readonly id: string
  on(event: Event): void
  end(exitCode: number): void
}

/** Begins the record of a check: that of a dry run, with the command "drift site". */
export async function recordCheck(
  { chosen, inventory }: Ready,
  warn: (text: string) => void,
): Promise<CheckRecord> {
  const { command, context, lab, options } = chosen
  const argv = shownArgv(process.argv.slice(2), redactor(context.secrets))
  const git = await gitState(dirname(resolve(options.inventory)))
  const recorder = openRecorder(
    () => recordsDir(lab),
    {
      ...{ command, argv, dryRun: true, readOnly: false, lab: lab !== undefined },
      ...{ inventory: inventory.file, git, shard: shardLine(options.shard, argv, git?.revision) },
    },
    warn,
    retention(),
  )
  recorder.on({ type: 'version', fmc: FMC_VERSION, contract: 1 })
  return recorder
}

/** Two checks with the same text have found the same on the same hosts. */
export const sameness = (found: Found): string =>
  JSON.stringify(
    found.hosts.map(h => [
      ...[h.host, h.state],
      h.cells.map(c => [
        ...[c.role, c.state],
        c.drift.map(d => [driftKey(d), whatOf(d)]),
        c.failures,
      ]),
    ]),
  )

/**
 * Of checks in a row that have found the same, only the first and the last keep their records: a check every hour does not drive
 * out the records of runs. Removes at most one record, the one before the newest. Never throws.
 */
export function dropRepeated(
  runs: Iterable<RecordedRun>,
  command: string,
  inventory: string,
): void {
  const three: RecordedRun[] = []
  for (const recorded of runs) {
    const { run } = recorded
    if (run.inventory !== inventory) continue
    // A run in between may have changed hosts.
    if (run.command !== command) break
    if (three.push(recorded) === 3) break
  }
  const [newest, middle, oldest] = three
  if (!newest || !middle || !oldest) return
  const same = sameness(foundIn(newest.events()))
  if (![middle, oldest].every(r => sameness(foundIn(r.events())) === same)) return
  try {
    rmSync(middle.file)
    rmSync(debugDir(middle.file), { recursive: true, force: true })
  } catch {
    // Another fmc has removed it, or it cannot be removed.
  }
}
