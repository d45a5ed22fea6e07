import type { SelectedPlay } from '../define/select.ts'
import type { HostRun } from '../host/host-run.ts'
import type { Run } from '../settings.ts'
import { isAbort } from './failed-task.ts'
import { isMistake } from './unawaited.ts'
import type { EnginePass } from './pass.ts'
import type { RoleRecords } from './record.ts'
import { RoleRun } from './role-run.ts'

/**
 * Runs a role on a host. false: the run was interrupted, or a task failed; after a failure, the records contain it and the
 * host is dropped. Throws errors that are not the failure of a task.
 */
export async function perform(run: Run, roleRun: RoleRun): Promise<boolean> {
  try {
    await run.fleet.ending.during(roleRun.host, roleRun.role, () => roleRun.perform())
    return true
  } catch (error) {
    if (isAbort(error)) return false
    if (isMistake(error)) run.fleet.noteMistake()
    if (!roleRun.records.some(r => r.error)) throw error
    run.fleet.drop(roleRun.host)
    return false
  }
}

/** Runs a play's roles on one host in a pass that writes nothing, and puts their records into `into`. false: they did not all finish. */
export async function sweep(
  run: Run,
  pass: EnginePass,
  { play, roles }: SelectedPlay,
  host: HostRun,
  into: RoleRecords,
): Promise<boolean> {
  for (const role of roles) {
    const roleRun = new RoleRun({ run, play, role, pass, host })
    try {
      if (!(await perform(run, roleRun))) return false
    } finally {
      into.set(role.name, roleRun.records)
    }
  }
  return true
}
