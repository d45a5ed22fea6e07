import { hostname } from 'node:os'
import type { Counts } from '../engine/events.ts'
import type { RecordedRun } from './read.ts'

/** A recorded run on one line: what `fmc runs` lists. */
export interface RunSummary {
  /** 1: the newest. */
  readonly number: number
  readonly id: string
  readonly command: string
  /** ISO 8601. */
  readonly begin: string
  /** "anna@controller", "root@controller (anna)". */
  readonly who: string
  readonly dryRun: boolean
  /** "running": its process is still there; "killed": it is not, and the record has no end. */
  readonly state: 'ended' | 'running' | 'killed'
  readonly exitCode: number | undefined
  /** From begin to end; undefined without an end. */
  readonly seconds: number | undefined
  /** How many hosts the run worked on; undefined: it ended before that. */
  readonly hosts: number | undefined
  readonly counts: Counts | undefined
}

/** Who ran it, and on which machine. */
export const whoRan = ({ run: { user, sudoUser, controller } }: Pick<RecordedRun, 'run'>): string =>
  `${user}@${controller}${sudoUser === undefined || sudoUser === user ? '' : ` (${sudoUser})`}`

/** Is the process that wrote the record still there? On another machine nobody can tell: it counts as gone. */
function isRunning({ run }: RecordedRun): boolean {
  if (run.controller !== hostname() || run.merged || run.pid < 2) return false
  try {
    process.kill(run.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Reads the last part of the record only. */
export function summaryOf(recorded: RecordedRun, number: number): RunSummary {
  const { run } = recorded
  const { recap, end } = recorded.last()
  return {
    number,
    id: run.id,
    command: run.command,
    begin: run.begin,
    who: whoRan(recorded),
    dryRun: run.dryRun,
    state: end ? 'ended' : isRunning(recorded) ? 'running' : 'killed',
    exitCode: end?.exitCode,
    seconds: end && Math.max(0, Date.parse(end.end) - Date.parse(run.begin)) / 1000,
    hosts: recap && Object.keys(recap.hosts).length,
    counts: recap && {
      ok: recap.ok,
      changed: recap.changed,
      skipped: recap.skipped,
      failed: recap.failed,
      unreachable: recap.unreachable,
      unpredicted: recap.unpredicted,
      unneeded: recap.unneeded,
    },
  }
}
