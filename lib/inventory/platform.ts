import { TaskError } from '../errors.ts'
import type { UnplacedProblem } from './problem.ts'
import type { Host, Inventory, Os } from './types.ts'

/**
 * Which systems a row of a role's table is for: one version (`debian 12`, `ubuntu 24.04`, `el 9` for AlmaLinux and Rocky Linux 9), or
 * every version of a family (`debian`, which Ubuntu belongs to, `el`, `flatcar`). A row for a version precedes that of its family.
 */
export type PlatformKey = Os['family'] | `debian ${string}` | `ubuntu ${string}` | `el ${string}`

/**
 * A role's differences between operating systems: one row per version or family, see `PlatformKey`. The role does not support a system
 * without a row. Pass it to `role` as `platforms`; tasks and handlers get the host's row as `platform`.
 *
 * @example
 * const platforms: Platforms<{ readonly unit: string }> = {
 *   'debian 12': { unit: 'chrony' },
 *   'debian 13': { unit: 'chrony' },
 *   'el 9': { unit: 'chronyd' },
 *   flatcar: { unit: 'systemd-timesyncd' },
 * }
 */
export type Platforms<P> = Readonly<Partial<Record<PlatformKey, P>>>

type HostOs = Pick<Host, 'name' | 'os' | 'osUnsupported'>

/** How rows call a system: EL's rebuilds share theirs. */
const systemOf = (os: Pick<Os, 'name' | 'family'>): string => (os.family === 'el' ? 'el' : os.name)

/** The part of a version that rows name: 24.04 of Ubuntu, 12 of Debian 12.5, 9 of AlmaLinux 9.5. */
const release = (system: string, version: string): string =>
  version
    .split('.')
    .slice(0, system === 'ubuntu' ? 2 : 1)
    .join('.')

const keysOf = (platforms: Platforms<unknown>, system: string): string[] =>
  Object.keys(platforms).filter(key => key.startsWith(`${system} `))

/** The key of the row for an operating system; undefined: there is none. Without a version, the first row of the system. */
function keyFor(platforms: Platforms<unknown>, os: Os): string | undefined {
  const system = systemOf(os)
  const exact =
    os.version === undefined
      ? keysOf(platforms, system)[0]
      : keysOf(platforms, system).find(
          key => key === `${system} ${release(system, os.version ?? '')}`,
        )
  return exact ?? (os.family in platforms ? os.family : undefined)
}

const numbers = (version: string): number[] => version.split('.').map(Number)
const compare = (a: string, b: string): number => {
  const [x, y] = [numbers(a), numbers(b)]
  return (x[0] ?? 0) - (y[0] ?? 0) || (x[1] ?? 0) - (y[1] ?? 0)
}
const versionIn = (key: string): string => key.slice(key.indexOf(' ') + 1)

/** For os_unsupported: the newest row that is not newer than the system, else the oldest; of Debian where Ubuntu has none. */
function nearest(platforms: Platforms<unknown>, os: Os): string | undefined {
  const own = keysOf(platforms, systemOf(os))
  const keys = (own.length > 0 ? own : keysOf(platforms, os.family)).sort((a, b) =>
    compare(versionIn(a), versionIn(b)),
  )
  const version = own.length > 0 ? os.version : undefined
  return (
    keys.findLast(key => version === undefined || compare(versionIn(key), version) <= 0) ?? keys[0]
  )
}

const rowFor = (platforms: Platforms<unknown>, { os, osUnsupported }: HostOs): string | undefined =>
  keyFor(platforms, os) ?? (osUnsupported === 'allow' ? nearest(platforms, os) : undefined)

/** The host's row of a role's table. Throws TaskError when there is none. */
export function platformOf<P>(role: string, platforms: Platforms<P>, host: HostOs): P {
  const key = rowFor(platforms, host) as PlatformKey | undefined
  const row = key === undefined ? undefined : platforms[key]
  if (row === undefined) throw new TaskError(notSupported(role, platforms, host))
  return row
}

/** Does a role's table have rows for single versions? */
export const hasVersions = (platforms: Platforms<unknown>): boolean =>
  Object.keys(platforms).some(key => key.includes(' '))

/** The system that a host says it is (os-release(5)). */
export interface ActualOs {
  readonly id: string
  /** Empty where the system has no version, as Debian's testing. */
  readonly version: string
  /** Such as platform:el9: rebuilds of EL that fmc does not know by name have it too. */
  readonly platform: string
}

/**
 * The row for a host whose real system is known. Throws TaskError when that is not the inventory's, or has no row. With os_unsupported
 * the inventory decides.
 */
export function platformOnHost<P>(
  role: string,
  platforms: Platforms<P>,
  host: HostOs,
  actual: ActualOs,
): P {
  const { os } = host
  const system = systemOf(os)
  const isEl = ['almalinux', 'rocky'].includes(actual.id) || /^platform:el\d/.test(actual.platform)
  const same =
    (isEl ? 'el' : actual.id) === system &&
    (os.version === undefined ||
      system === 'flatcar' ||
      release(system, actual.version) === release(system, os.version))
  if (!same && host.osUnsupported !== 'allow') {
    const real = [actual.id, actual.version].filter(Boolean).join(' ')
    throw new TaskError(`${host.name} is ${real}, not ${nameOf(os)} as the inventory says`, {
      hint: `if it is the right host, write os: ${real} for it, or os_unsupported: allow to go on as if it were ${nameOf(os)}`,
    })
  }
  const version = os.version ?? (same && actual.version !== '' ? actual.version : undefined)
  return platformOf(role, platforms, { ...host, os: { ...os, version } })
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
      if (!host || !platforms || rowFor(platforms, host) !== undefined) return []
      const message = notSupported(role, platforms, host)
      const near = nearest(platforms, host.os)
      const system = systemOf(host.os)
      const missing =
        near === undefined || host.os.version === undefined
          ? host.os.family
          : `${system} ${release(system, host.os.version)}`
      const hint = `its platforms have no row ${missing}${near === undefined ? '' : `; with os_unsupported: allow for the host, fmc treats it as ${near}, which nobody has tried`}`
      return [{ severity: 'error', path: ['hosts', name, 'os'], message, hint }]
    }),
  )

const nameOf = (os: Os): string => [os.name, os.version].filter(Boolean).join(' ')

/** The systems of a role's rows, as an inventory calls them. */
export const supported = (platforms: Platforms<unknown>): readonly string[] =>
  Object.keys(platforms).flatMap(key =>
    key.startsWith('el ') ? [`almalinux ${versionIn(key)}`, `rocky ${versionIn(key)}`] : [key],
  )

const notSupported = (role: string, platforms: Platforms<unknown>, { name, os }: HostOs): string =>
  `role ${role} is not supported on ${nameOf(os)} (${name}); supported: ${supported(platforms).join(', ')}`
