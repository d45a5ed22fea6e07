import type { Done } from './done.ts'
import { EnginePass } from './role/pass.ts'
import { sweep } from './role/perform.ts'
import type { RoleRecords, TaskRecord } from './role/record.ts'
import type { Run } from './settings.ts'

/** A task that would change its host again, right after the run. */
export interface LeftTask {
  readonly play: string
  readonly record: TaskRecord
}

/** Plans again every host that the run wrote to, as far as the host came. A task that still has changes is not idempotent. */
export async function verify(run: Run, done: Done): Promise<readonly LeftTask[]> {
  const { fleet, settings } = run
  const pass = new EnginePass('verify')
  const left: LeftTask[] = []
  fleet.forget()
  await fleet.forks.each(
    fleet.touched.map(r => r.host),
    async host => {
      const connected = fleet.get(host)
      await connected.answers.refresh()
      for (const selected of settings.stages.flat()) {
        if (!done.has(selected, host)) continue
        const found: RoleRecords = new Map()
        const complete = await sweep(run, pass, selected, connected, found)
        for (const record of [...found.values()].flat())
          if (record.changes.length > 0 || record.error)
            left.push({ play: selected.play.name, record })
        if (!complete) return
      }
    },
  )
  return left
}
