import { ask } from '../../facts/index.ts'
import { hasVersions, platformOf, platformOnHost } from '../../inventory/platform.ts'
import type { Mode } from '../../resources/scope.ts'
import type { Role } from '../define/role.ts'
import type { HostRun } from '../host/host-run.ts'
import { isUnreachable } from './failed-task.ts'
import type { HostPass } from './pass.ts'

/**
 * The row of a role's table for a host. The plan compares the inventory with what the host says that it is; later passes ask only
 * where the inventory has no version. Throws TaskError when they differ, or the role has no row.
 */
export async function hostPlatform(
  { name, platforms }: Role,
  { host, answers }: HostRun,
  mode: Mode,
  pass: HostPass,
): Promise<unknown> {
  if (platforms === undefined) return undefined
  if (!hasVersions(platforms) || (mode !== 'plan' && host.os.version !== undefined))
    return platformOf(name, platforms, host)
  const actual = await pass.read(ask('os', ''), answers).catch((error: unknown) => {
    if (isUnreachable(error)) return null
    throw error
  })
  return actual === null
    ? platformOf(name, platforms, host)
    : platformOnHost(name, platforms, host, actual)
}
