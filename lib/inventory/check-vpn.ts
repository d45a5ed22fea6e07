import { error } from './check-references.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'

/** Problems of VPNs: no hub, and keys that only a VPN or no VPN can have. */
export function vpnProblems(raw: RawInventory): UnplacedProblem[] {
  const isVpn = (network: string): boolean => raw.networks[network]?.mode === 'wireguard'
  const networks = Object.entries(raw.networks).flatMap(([name, network]) => {
    const path = ['networks', name]
    if (!isVpn(name))
      return (['port', 'endpoint'] as const)
        .filter(key => network[key] !== undefined)
        .map(key =>
          error(
            [...path, key],
            `${name} is not a VPN`,
            'only a network with mode: wireguard can have it',
            true,
          ),
        )
    const found: UnplacedProblem[] = []
    if (network.router === undefined)
      found.push(
        error(
          path,
          `the VPN ${name} has no hub`,
          'set router to its hub, and gateway to the address of the hub',
          true,
        ),
      )
    if (network.bridge !== undefined)
      found.push(
        error([...path, 'bridge'], `the VPN ${name} cannot have a bridge`, undefined, true),
      )
    return found
  })
  const hosts = Object.entries(raw.hosts).flatMap(([name, host]) =>
    (host.nics ?? []).flatMap((nic, index) => {
      if (!isVpn(nic.network)) return []
      const path = ['hosts', name, 'nics', index]
      const found: UnplacedProblem[] = []
      if (nic.mac !== undefined)
        found.push(error([...path, 'mac'], 'the interface of a VPN has no MAC address'))
      if (index === 0 && host.ssh?.host === undefined)
        found.push(
          error(
            path,
            `fmc would connect to ${name} through a VPN that it first has to set up there`,
            'put another nic first, or give ssh: { host }',
          ),
        )
      return found
    }),
  )
  return [...networks, ...hosts]
}
