import { TaskError } from '../errors.ts'
import type { UnplacedProblem } from './problem.ts'
import type { Host, Inventory, Os } from './types.ts'

/**
 * A role's differences between operating systems: one row per family (debian, el, flatcar; resolve.ts says which system has which). The
 * role does not support a family without a row. Pass it to `role` as `platforms`; tasks and handlers get the host's row as `platform`.
 *
 * @example
 * const platforms: Platforms<{ readonly unit: string }> = {
 *   debian: { unit: 'chrony' },
 *   el: { unit: 'chronyd' },
 * }
 */
export type Platforms<P> = Readonly<Partial<Record<Os['family'], P>>>

/** The host's row of a role's table. Throws TaskError when there is none. */
export function platformOf<P>(
  role: string,
  platforms: Platforms<P>,
  host: Pick<Host, 'name' | 'os'>,
): P {
  const row = platforms[host.os.family]
  if (row === undefined) throw new TaskError(notSupported(role, platforms, host))
  return row
}

/** Problems of hosts whose operating system a role does not support. */
export const platformProblems = (
  inventory: Inventory,
  roles: readonly {
    readonly role: string
    readonly hosts: readonly string[]
    readonly platforms?: Platforms<unknown> | undefined
  }[],
): UnplacedProblem[] =>
  roles.flatMap(({ role, hosts, platforms }) =>
    hosts.flatMap((name): UnplacedProblem[] => {
      const host = inventory.hosts.get(name)
      if (!host || !platforms || host.os.family in platforms) return []
      const message = notSupported(role, platforms, host)
      const hint = `its platforms have no row ${host.os.family}`
      return [{ severity: 'error', path: ['hosts', name, 'os'], message, hint }]
    }),
  )

const notSupported = (
  role: string,
  platforms: Platforms<unknown>,
  { name, os }: Pick<Host, 'name' | 'os'>,
): string =>
  `role ${role} is not supported on ${[os.name, os.version].filter(Boolean).join(' ')} (${name}); supported: ${Object.keys(platforms).join(', ')}`
