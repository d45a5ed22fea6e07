import { TaskError } from '../errors.ts'
import type { Change, Failure, TaskEvent, WorkingEvent } from './events.ts'
import { FailedTask, isUnreachable } from './role/failed-task.ts'
import { recordKey, type Predicted, type TaskRecord } from './role/record.ts'

/** An error as reports show it. */
export function failureOf(error: Error): Failure {
  let inner: Error = error
  while (inner instanceof FailedTask) inner = inner.cause
  const hint = 'hint' in inner && typeof inner.hint === 'string' ? inner.hint : undefined
  return {
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...(inner instanceof TaskError && inner.command !== undefined
      ? { command: inner.command }
      : {}),
    ...(inner instanceof TaskError && inner.output ? { output: inner.output } : {}),
  }
}

const changesOf = (record: TaskRecord): Change[] =>
  record.changes.map(c => ({ what: c.what, ...(c.diff === undefined ? {} : { diff: c.diff }) }))

/** What the facts say that the changes leave behind. */
function aboutOf({ changes }: TaskRecord): { paths: readonly string[]; units: readonly string[] } {
  const [paths, units] = [new Set<string>(), new Set<string>()]
  for (const [{ family, arg }] of changes.flatMap(c => c.factsAfter ?? [])) {
    const [path = ''] = arg.split('\0')
    if (family === 'unit') units.add(arg)
    else if (path.startsWith('/') && ['path', 'sha', 'link', 'line'].includes(family))
      paths.add(path)
  }
  return { paths: [...paths], units: [...units] }
}

/** Who delegated the task, if it was. */
export const delegation = ({
  delegatedBy,
}: {
  readonly delegatedBy?: string | undefined
}): { readonly delegatedBy?: string } => (delegatedBy === undefined ? {} : { delegatedBy })

const base = (play: string, record: TaskRecord): Omit<TaskEvent, 'status' | 'predicted'> => ({
  type: 'task',
  host: record.host,
  ...delegation(record),
  play,
  role: record.role,
  task: record.name,
  changes: changesOf(record),
  ms: Math.round(record.ms * 10) / 10,
  ...(record.ended === undefined ? {} : { ended: record.ended }),
  ...(record.note === undefined ? {} : { note: record.note }),
  ...(record.drift ? { drift: true } : {}),
  ...(record.error === undefined ? {} : { failure: failureOf(record.error) }),
})

const failedStatus = (error: Error): 'failed' | 'unreachable' =>
  isUnreachable(error) ? 'unreachable' : 'failed'

/** For live output: what a task is doing. */
export const workingEvent = (
  play: string,
  task: Pick<WorkingEvent, 'host' | 'delegatedBy' | 'role' | 'task'>,
  text?: string,
): WorkingEvent => ({ type: 'working', ...task, play, ...(text === undefined ? {} : { text }) })

/** A planned task, shown by a dry run, or by a run that has nothing to do for it. `changesElsewhere`: other hosts will change, which may open a gate. */
export function plannedEvent(
  play: string,
  record: TaskRecord,
  changesElsewhere: boolean,
): TaskEvent {
  const common = base(play, record)
  if (record.error) return { ...common, status: failedStatus(record.error), predicted: false }
  if (record.waiting !== undefined && changesElsewhere)
    return {
      ...common,
      status: 'ok',
      predicted: false,
      note: `will wait for it (${record.waiting})`,
    }
  if (record.waiting !== undefined)
    return {
      ...common,
      status: 'failed',
      predicted: false,
      failure: {
        message: `${record.name}: ${record.waiting}`,
        ...(record.output === undefined ? {} : { output: record.output }),
      },
    }
  if (record.changes.length === 0)
    return { ...common, status: record.skipped ? 'skipped' : 'ok', predicted: false }
  return {
    ...common,
    status: 'changed',
    predicted: true,
    ...(record.estimate ? { estimate: true } : {}),
    about: aboutOf(record),
  }
}

/** A task of the apply pass, compared with the plan. It is unpredicted if it changed the host and the plan had no change for it. */
export function appliedEvent(play: string, record: TaskRecord, predictions: Predicted): TaskEvent {
  const common = base(play, record)
  const predicted = predictions.has(recordKey(record))
  const did = record.changes.length > 0
  if (record.error) return { ...common, status: failedStatus(record.error), predicted }
  if (!did && predicted) return { ...common, status: 'changed', predicted, note: 'by another task' }
  if (!did) return { ...common, status: record.skipped ? 'skipped' : 'ok', predicted }
  return { ...common, status: 'changed', predicted, ...(predicted ? {} : { unpredicted: true }) }
}

/** A task for which the plan had changes, and which the role did not call in the apply pass. */
export const unneededEvent = (play: string, record: TaskRecord): TaskEvent => ({
  type: 'task',
  host: record.host,
  ...delegation(record),
  play,
  role: record.role,
  task: record.name,
  status: 'ok',
  predicted: true,
  unneeded: true,
  changes: [],
  ms: 0,
  note: 'predicted but not needed',
})

/** A task that still had changes in the verify pass. */
export const notIdempotentEvent = (play: string, record: TaskRecord): TaskEvent => ({
  ...base(play, record),
  status: 'failed',
  predicted: false,
  failure: record.error
    ? failureOf(record.error)
    : {
        message: `${record.name}: not idempotent: right after the run it would change again (${record.changes.map(c => c.what).join(', ')})`,
      },
})
