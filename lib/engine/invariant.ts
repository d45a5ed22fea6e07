import { setTimeout as sleep } from 'node:timers/promises'
import { TaskError } from '../errors.ts'
import type { Host } from '../inventory/types.ts'
import { untilHolds } from '../resources/holds.ts'
import type { Invariant } from './define/playbook.ts'
import type { SelectedPlay } from './define/select.ts'
import { isAbort } from './role/failed-task.ts'
import { asPlay } from './role/play-scope.ts'
import type { Run } from './settings.ts'
import { appliedEvent, workingEvent } from './task-events.ts'

const DEFAULT_SECONDS = 60
const EVERY_MS = 500

/** When an invariant is asked: before or after a batch of hosts. */
type When = 'before' | 'after'

/** Does the play's invariant hold? If not, that is a failed task of the first host of the batch that is not dropped. */
export async function invariantHolds(
  run: Run,
  { play }: SelectedPlay,
  when: When,
  batch: readonly Host[],
): Promise<boolean> {
  const host = batch.find(h => !run.fleet.isDropped(h))
  const { invariant } = play
  if (!invariant || !host) return true
  const names = batch.map(h => h.name)
  const name = `invariant ${invariant.name} ${when} ${names.join(', ')}`
  const start = performance.now()
  const checked = check(run, invariant, { when, names, host }, name, text =>
    run.emit(workingEvent(play.name, { host: host.name, role: 'play', task: name }, text)),
  )
  const error = await run.fleet.ending
    .unlessEnded(checked)
    .catch((cause: unknown) => (cause instanceof Error ? cause : new Error(String(cause))))
  if (isAbort(error)) return false
  const ms = performance.now() - start
  const record = { host: host.name, role: 'play', name, changes: [], ms, error }
  run.emit(appliedEvent(play.name, record, new Set()))
  return !error
}

async function check(
  run: Run,
  invariant: Invariant,
  { when, names, host }: { when: When; names: readonly string[]; host: Host },
  task: string,
  progress: (missing: string) => void,
): Promise<Error | undefined> {
  const connected = run.fleet.get(host)
  const missing = await untilHolds(
    () => asPlay(run, connected, () => invariant.check(when, names)),
    {
      seconds: when === 'before' ? 0 : (invariant.timeoutSeconds ?? DEFAULT_SECONDS),
      stop: run.settings.stop,
      pause: text => {
        progress(text)
        return sleep(EVERY_MS)
      },
    },
  )
  return missing === undefined ? undefined : new TaskError(`${task}: ${missing}`)
}
