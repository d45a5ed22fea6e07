import { UsageError } from '../errors.ts'
import { error } from './check-references.ts'
import { findCycle, groupTree } from './groups.ts'
import { suggestion } from '../text/nearest.ts'
import { matchNames } from './patterns.ts'
import type { UnplacedProblem, Path } from './problem.ts'
import type { RawInventory, RawVip } from './raw.ts'

/** Problems of VIPs that keepalived could not hold or haproxy could not serve. */
export function vipProblems(raw: RawInventory): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const vrids = new Map<string, string>()
  const match = matcher(raw, found)
  for (const [name, vip] of Object.entries(raw.vips ?? {})) {
    const path = ['vips', name]
    if (!Object.hasOwn(raw.networks, vip.network))
      found.push(
        error(
          [...path, 'network'],
          `no network is called ${vip.network}`,
          suggestion(vip.network, Object.keys(raw.networks)),
        ),
      )
    const vrid = `${vip.network} ${vip.vrid}`
    const before = vrids.get(vrid)
    if (before !== undefined)
      found.push(
        error(
          [...path, 'vrid'],
          `vrid ${vip.vrid} in ${vip.network} already belongs to the VIP ${before}`,
          'every VIP of a network needs its own vrid, 1 to 255',
        ),
      )
    else vrids.set(vrid, name)
    if (vip.backend_ports !== undefined && vip.backend_ports.length !== vip.ports.length)
      found.push(
        error(
          [...path, 'backend_ports'],
          `${vip.backend_ports.length} backend_ports for ${vip.ports.length} ports`,
          'give one for each of `ports`, in the same order',
        ),
      )
    if (vip.check === 'k3s' && vip.proxy_protocol)
      found.push(
        error(
          [...path, 'proxy_protocol'],
          'the K3s API does not understand the PROXY protocol',
          'remove proxy_protocol',
        ),
      )
    match(vip.backends, [...path, 'backends'])
    balancerProblems(raw, name, vip, match(vip.balancers, [...path, 'balancers']), found)
  }
  return found
}

function balancerProblems(
  raw: RawInventory,
  name: string,
  vip: RawVip,
  balancers: ReadonlySet<string> | undefined,
  found: UnplacedProblem[],
): void {
  if (balancers === undefined || !Object.hasOwn(raw.networks, vip.network)) return
  for (const balancer of balancers) {
    const nics = raw.hosts[balancer]?.nics ?? []
    const uplink = nics.find(nic => raw.networks[nic.network]?.gateway !== undefined)
    if (!nics.some(nic => nic.network === vip.network))
      found.push(
        error(
          ['vips', name, 'network'],
          `the balancer ${balancer} has no nic in ${vip.network}, so it cannot hold the VIP ${name}`,
          `give ${balancer} a nic in ${vip.network}, or the VIP an address in a network of ${balancer}`,
        ),
      )
    else if (uplink !== undefined && uplink.network !== vip.network)
      found.push({
        severity: 'warning',
        path: ['vips', name, 'network'],
        message: `${balancer} answers for the VIP ${name} through ${uplink.network}, its default route: routers with reverse path filtering drop such packets`,
        hint: `put its nic in ${vip.network} first`,
      })
  }
  if (vip.preferred !== undefined && !balancers.has(vip.preferred))
    found.push(
      error(
        ['vips', name, 'preferred'],
        `${vip.preferred} is not one of the balancers of the VIP ${name}`,
        suggestion(vip.preferred, balancers),
      ),
    )
}

function matcher(
  raw: RawInventory,
  found: UnplacedProblem[],
): (pattern: string, path: Path) => ReadonlySet<string> | undefined {
  if (findCycle(raw.groups ?? {}) !== undefined) return () => undefined
  const scope = {
    groups: groupTree(raw).members,
    hosts: new Map(Object.entries(raw.hosts)),
  }
  return (pattern, path) => {
    try {
      const names = matchNames(scope, pattern)
      if (names.size === 0)
        found.push({ severity: 'warning', path, message: `the pattern ${pattern} matches no host` })
      return names
    } catch (problem) {
      if (!(problem instanceof UsageError)) throw problem
      found.push(error(path, problem.message, problem.hint))
      return undefined
    }
  }
}
