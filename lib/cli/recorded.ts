import type { Event } from '../engine/events.ts'
import type { Twin } from '../lab/index.ts'
import {
  labRunsDir,
  openRecorder,
  retention,
  runsDir,
  taskTimes,
  type RunStart,
  type TaskTimes,
} from '../record/index.ts'
import type { KnownMs, Report } from '../report/index.ts'

/** A report whose events are also recorded. */
export interface RecordedReport {
  /** The record's file; undefined: the run is not recorded. */
  readonly file: string | undefined
  /** Who runs which command, for the audit on the hosts. */
  readonly auditedBy?: string
  on(event: Event): void
  /** As the report's, with the run's exit code for the record. `cancel`: services that have not answered are not waited for. */
  end(exitCode: number, cancel?: AbortSignal): Promise<void>
}

/** Opens the run's record beside its report. A run that cannot be recorded costs a warning. Throws UsageError for a wrong FMC_RUNS_… variable. */
export function recordedReport(
  report: Report,
  lab: Twin | undefined,
  start: RunStart,
): RecordedReport & { readonly id: string } {
  const warnings: string[] = []
  const recorder = openRecorder(
    lab ? labRunsDir(lab.dir) : runsDir,
    start,
    text => warnings.push(text),
    retention(),
  )
  const warn = (): void => {
    for (const text of warnings.splice(0)) report.on({ type: 'note', level: 'warning', text })
  }
  return {
    id: recorder.id,
    file: recorder.file,
    auditedBy: recorder.by,
    on(event) {
      report.on(event)
      recorder.on(event)
      warn()
    },
    async end(exitCode) {
      recorder.end(exitCode)
      warn()
      await report.end()
    },
  }
}

/**
 * How long tasks took in the recorded runs of an inventory. The records are read when the first time is asked for. Without
 * records no time is known; the recorder warns if there is no place for them.
 */
export function knownMs(lab: Twin | undefined, inventory: string): KnownMs {
  let times: TaskTimes | undefined
  const read = (): TaskTimes => {
    try {
      return taskTimes({ dir: lab ? labRunsDir(lab.dir) : runsDir(), inventory })
    } catch {
      return { of: () => undefined }
    }
  }
  return (host, role, task) => (times ??= read()).of(host, role, task)
}
