import { TaskError } from '../errors.ts'
import type { UnplacedProblem } from './problem.ts'
import type { Host, Inventory, Os } from './types.ts'

/** A role's differences between operating systems: a row per family. A family without a row is not supported. */
export type Platforms<P> = Readonly<Partial<Record<Os['family'], P>>>

/** The host's row. Throws TaskError where the role's table has none. */
export function platformOf<P>(
  role: string,
  platforms: Platforms<P>,
  host: Pick<Host, 'name' | 'os'>,
): P {
  const row = platforms[host.os.family]
  if (row === undefined) throw new TaskError(notSupported(role, platforms, host))
  return row
}

/** Hosts that a role is to run on and whose family it has no row for. */
export const platformFindings = (
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
      return [{ severity: 'error', path: ['hosts', name, 'os'], message }]
    }),
  )

const notSupported = (
  role: string,
  platforms: Platforms<unknown>,
  { name, os }: Pick<Host, 'name' | 'os'>,
): string =>
  `role ${role} is not supported on ${[os.name, os.version].filter(Boolean).join(' ')} (${name}); supported: ${Object.keys(platforms).join(', ')}`
