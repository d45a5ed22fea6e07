import type { Applier } from './apply.ts'
import type { Fleet } from './host/fleet.ts'
import type { Emit, RunOptions } from './settings.ts'
import { Pass } from './role/pass.ts'
import type { Planner, Records } from './plan.ts'
import { notIdempotentEvent } from './task-events.ts'

/** Plans every host again that was written to, as far as it came: whatever is left to do is a role that is not idempotent. */
export async function verify(
  o: RunOptions,
  fleet: Fleet,
  planner: Planner,
  applier: Applier,
  emit: Emit,
): Promise<void> {
  const pass = new Pass('verify')
  fleet.forget()
  await fleet.each(
    fleet.touched.map(r => r.host),
    async host => {
      const run = fleet.get(host)
      await run.refresh()
      for (const selected of o.stages.flat()) {
        if (!applier.isThrough(selected, host)) continue
        const found: Records = new Map()
        const fine = await planner.sweep(pass, selected, run, found)
        for (const record of [...found.values()].flat())
          if (record.changes.length > 0 || record.error)
            emit(notIdempotentEvent(selected.play.name, record))
        if (!fine) return
      }
    },
  )
}
