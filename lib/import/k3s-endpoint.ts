import { contains, parseCidr, parseIpv4 } from '../inventory/net.ts'
import type { RawInventory } from '../inventory/raw.ts'
import type { Winners } from './layers.ts'
import type { Place } from './model.ts'
import { ENDPOINT_VARIABLES } from './project.ts'

/** Puts a remark on a key; default: on the inventory as a whole. */
export type Say = (key: string, why: string, at?: Place) => void

/** What the address of the API becomes. */
export interface Endpoint {
  readonly vip?: NonNullable<RawInventory['vips']> | undefined
  readonly san?: string | undefined
  readonly kubeconfig?: string | undefined
}

/** The address in front of the servers: a VIP where it is an address of its own in a network of the hosts. */
export function endpointOf(
  raw: RawInventory,
  servers: readonly string[],
  own: Winners | undefined,
  say: Say,
): Endpoint | undefined {
  const found = ENDPOINT_VARIABLES.map(name => ({ name, variable: own?.get(name) })).find(
    ({ variable }) => typeof variable?.value === 'string' && !/[{}]/.test(variable.value),
  )
  if (found?.variable === undefined) return undefined
  const { name, variable } = found
  const address = String(variable.value)
  const addresses = Object.values(raw.hosts).flatMap(host => [
    ...(host.nics ?? []).map(nic => nic.address),
    ...(host.ssh?.host === undefined ? [] : [host.ssh.host]),
  ])
  if (addresses.includes(address)) {
    say(name, "left out: it is a host's own address, which fmc finds itself", variable)
    return undefined
  }
  const network = Object.entries(raw.networks).find(([, { cidr }]) => within(address, cidr))?.[0]
  if (network === undefined) {
    say(
      name,
      `became k3s_tls_san: ${address} is in none of the hosts' networks, so it is no VIP of fmc`,
      variable,
    )
    return { san: address }
  }
  const balanced = (raw.groups?.['loadbalancers']?.hosts ?? []).length > 0
  const vip = {
    api: {
      address,
      network,
      vrid: 51,
      ports: [Number(own?.get('api_port')?.value ?? 6443)],
      backends: 'k3s_servers',
      check: 'k3s' as const,
      balancers: balanced ? 'loadbalancers' : 'k3s_servers',
    },
  }
  say(
    name,
    `became vips.api${balanced ? '' : ', which something else holds, such as kube-vip: fmc holds it once a group loadbalancers has hosts for it (then set balancers: loadbalancers, and remove kubeconfig_server)'}`,
    variable,
  )
  const [first = ''] = servers
  const host = raw.hosts[first]
  return {
    vip,
    ...(!balanced && { kubeconfig: host?.nics?.[0]?.address ?? host?.ssh?.host ?? first }),
  }
}

function within(address: string, cidr: string): boolean {
  const [block, value] = [parseCidr(cidr), parseIpv4(address)]
  return typeof block !== 'string' && value !== undefined && contains(block, value)
}
