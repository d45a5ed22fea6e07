import { error } from './check-references.ts'
import { patternMatcher } from './check-patterns.ts'
import { suggestion } from '../text/nearest.ts'
import { Suggestions } from './suggestions.ts'
import type { UnplacedProblem } from './problem.ts'
import type { RawInventory, RawVip } from './raw.ts'

/** Problems of VIPs that keepalived could not hold or haproxy could not serve. */
export function vipProblems(raw: RawInventory): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const vrids = new Map<string, string>()
  const networks = new Suggestions(raw.networks)
  const lacking = new BalancerNics(raw)
  const match = patternMatcher(raw, found)
  for (const [name, vip] of Object.entries(raw.vips ?? {})) {
    const path = ['vips', name]
    if (!networks.has(vip.network))
      found.push(
        error(
          [...path, 'network'],
          `no network is called ${vip.network}`,
          networks.for(vip.network),
        ),
      )
    const vrid = `${vip.network} ${vip.vrid}`
    const before = vrids.get(vrid)
    if (before !== undefined)
      found.push({
        ...error(
          [...path, 'vrid'],
          `vrid ${vip.vrid} in ${vip.network} already belongs to the VIP ${before}`,
          'every VIP of a network needs its own vrid, 1 to 255',
        ),
        other: { path: ['vips', before, 'vrid'], message: `the VIP ${before} has it here` },
      })
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
    const balancers = match(vip.balancers, [...path, 'balancers'])
    if (balancers !== undefined) balancerProblems(name, vip, balancers, lacking, found)
  }
  return found
}

/** The balancers that cannot hold a VIP of a network, or answer for it another way; worked out once for all VIPs that share both. */
class BalancerNics {
  readonly #raw: RawInventory
  readonly #known = new Map<string, readonly BalancerFault[]>()
  constructor(raw: RawInventory) {
    this.#raw = raw
  }
  faults(
    { balancers: pattern, network }: RawVip,
    balancers: ReadonlySet<string>,
  ): readonly BalancerFault[] {
    if (!Object.hasOwn(this.#raw.networks, network)) return []
    const key = `${network} ${pattern}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const faults = [...balancers].flatMap((balancer): BalancerFault[] => {
      const nics = this.#raw.hosts[balancer]?.nics ?? []
      if (!nics.some(nic => nic.network === network)) return [{ balancer, uplink: undefined }]
      const uplink = nics.find(
        nic => this.#raw.networks[nic.network]?.gateway !== undefined,
      )?.network
      return uplink === undefined || uplink === network ? [] : [{ balancer, uplink }]
    })
    this.#known.set(key, faults)
    return faults
  }
}

interface BalancerFault {
  readonly balancer: string
  /** The network of its default route; undefined: it has no nic in the VIP's network. */
  readonly uplink: string | undefined
}

function balancerProblems(
  name: string,
  vip: RawVip,
  balancers: ReadonlySet<string>,
  nics: BalancerNics,
  found: UnplacedProblem[],
): void {
  const path = ['vips', name, 'network']
  for (const { balancer, uplink } of nics.faults(vip, balancers))
    found.push(
      uplink === undefined
        ? {
            ...error(
              path,
              `the balancer ${balancer} has no nic in ${vip.network}, so it cannot hold the VIP ${name}`,
              `give ${balancer} a nic in ${vip.network}, or the VIP an address in a network of ${balancer}`,
            ),
            other: { path: ['hosts', balancer], key: true, message: `the host ${balancer}` },
          }
        : {
            severity: 'warning',
            path,
            message: `${balancer} answers for the VIP ${name} through ${uplink}, its default route: routers with reverse path filtering drop such packets`,
            hint: `put its nic in ${vip.network} first`,
            other: { path: ['hosts', balancer], key: true, message: `the host ${balancer}` },
          },
    )
  if (vip.preferred !== undefined && !balancers.has(vip.preferred))
    found.push(
      error(
        ['vips', name, 'preferred'],
        `${vip.preferred} is not one of the balancers of the VIP ${name}`,
        suggestion(vip.preferred, balancers),
      ),
    )
}
