import { TaskError } from '../../../lib/index.ts'
import type { Device } from './devices.ts'
import type { Lan } from './network-managers.ts'

/** The bridge of the LAN as the inventory declares it. */
export interface Wanted {
  readonly bridge: string
  readonly address: string
  readonly prefix: number
  readonly gateway: string | undefined
  /** The NIC, by name or MAC address; undefined: the one that has the address. */
  readonly uplink: string | undefined
  /** Addresses that keepalived gives and takes: they are in no configuration of the network. */
  readonly vips?: readonly string[]
}

/** Kinds of devices that are NICs to a network manager; a hardware NIC has none. veth(4): in a container or the lab. */
const PLAIN = new Set([undefined, 'veth'])

/** What else moves to the bridge with the address. Throws TaskError for what fmc would not keep. */
export function alongWith(
  { uplink, holder }: { readonly uplink: Device; readonly holder: Device | undefined },
  { bridge, address, vips = [] }: Wanted,
): Pick<Lan, 'others' | 'mtu' | 'autoconf'> {
  const nics = [uplink, ...(holder ? [holder] : [])]
  const own = (a: string): boolean => [address, ...vips].includes(a.split('/')[0] ?? '')
  const fixed = nics.flatMap(d => d.fixed).filter(a => !own(a))
  const odd = nics.find(d => !PLAIN.has(d.kind))
  const port = nics.find(d => d.bridge !== undefined)
  const six = fixed.filter(a => a.includes(':'))
  const why = odd
    ? `${odd.name} is no plain NIC but a ${odd.kind ?? ''}`
    : port
      ? `${port.name} is a part of ${port.bridge ?? ''}`
      : six.length > 0
        ? `${nics.map(d => d.name).join(' and ')} has a fixed IPv6 address (${six.join(', ')}), whose routes fmc would not keep`
        : undefined
  if (why !== undefined)
    throw new TaskError(`fmc does not put it into the bridge ${bridge}: ${why}`, {
      hint: `make the bridge ${bridge} with ${address} by hand, as your network manager has it for such a device; fmc leaves a bridge alone that is as declared`,
    })
  return {
    others: fixed,
    mtu: uplink.mtu === 1500 ? undefined : uplink.mtu,
    autoconf: nics.some(d => d.autoconf),
  }
}
