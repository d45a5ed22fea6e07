import type { Host } from '../inventory/types.ts'
import type { SelectedPlay } from './define/select.ts'
import { recordKey, type TaskRecord } from './role/record.ts'

/** What grows while a role runs on a host: its records. */
interface Attempt {
  readonly role: string
  readonly records: readonly TaskRecord[]
}

const keyOf = ({ play }: SelectedPlay, host: Host): string => `${play.name}\0${host.name}`

/** How far the apply pass has come: which hosts have finished which plays, and which tasks were done in the others. */
export class Done {
  /** The play that ended the run before its time, because hosts of it failed. */
  stoppedBy: string | undefined
  readonly #finished = new Set<string>()
  readonly #attempts = new Map<string, Attempt[]>()

  /** The host has finished the play. A host that the run did not reach, or dropped, has not. */
  add(selected: SelectedPlay, host: Host): void {
    this.#finished.add(keyOf(selected, host))
  }

  has(selected: SelectedPlay, host: Host): boolean {
    return this.#finished.has(keyOf(selected, host))
  }

  /** A role starts on the host. */
  attempt(selected: SelectedPlay, host: Host, attempt: Attempt): void {
    const key = keyOf(selected, host)
    this.#attempts.set(key, [...(this.#attempts.get(key) ?? []), attempt])
  }

  /** Was this task done in a play that the host has not finished? */
  wasDone(selected: SelectedPlay, host: Host, record: TaskRecord): boolean {
    return (this.#attempts.get(keyOf(selected, host)) ?? []).some(
      ({ role, records }) =>
        role === record.role &&
        records.some(r => recordKey(r) === recordKey(record) && r.error === undefined),
    )
  }
}
