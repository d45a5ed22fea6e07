import { formatIpv4, parseIpv4 } from '../inventory/net.ts'
import type { RawHost, RawNetwork, RawNic } from '../inventory/raw.ts'

/** How a host is reached (`ansible_host`, else its name), and its own address where the inventory gives one (`ip`). */
export interface Reach {
  readonly connect: string
  readonly own: string | undefined
}

export interface Addresses {
  readonly networks: Readonly<Record<string, RawNetwork>>
  /** nics, and ssh.host where the connection goes elsewhere. */
  readonly hosts: ReadonlyMap<string, Pick<RawHost, 'nics' | 'ssh'>>
}

/**
 * Networks and NICs made up from addresses, since Ansible has no networks: every /24 with an address becomes one. An
 * address that several hosts share (port forwarding), or that is this machine's, belongs to no NIC.
 */
export function addressesOf(reach: ReadonlyMap<string, Reach>): Addresses {
  const counts = new Map<string, number>()
  const nicOf = ({ connect, own }: Reach): string => own ?? connect
  for (const r of reach.values()) counts.set(nicOf(r), (counts.get(nicOf(r)) ?? 0) + 1)
  const isNic = (address: string): boolean =>
    parseIpv4(address) !== undefined && !address.startsWith('127.') && counts.get(address) === 1

  const bases = [...reach.values()].map(nicOf).filter(isNic).map(block)
  const single = new Set(bases).size === 1
  const nameOf = (base: string): string =>
    single ? 'lan' : `net_${base.split('.').slice(0, 3).join('_')}`
  const networks = Object.fromEntries(
    [...new Set(bases)].map((base): [string, RawNetwork] => [
      nameOf(base),
      { cidr: `${base}/24`, mode: 'bridge' },
    ]),
  )
  const hosts = new Map(
    [...reach].map(([name, r]) => {
      const address = nicOf(r)
      const nics: RawNic[] = isNic(address) ? [{ network: nameOf(block(address)), address }] : []
      return [
        name,
        {
          ...(nics.length > 0 && { nics }),
          ...((nics.length === 0 || r.connect !== address) && { ssh: { host: r.connect } }),
        },
      ]
    }),
  )
  return { networks, hosts }
}

const block = (address: string): string => {
  const value = parseIpv4(address) ?? 0
  return formatIpv4(value - (value % 256))
}
