import { createHash } from 'node:crypto'
import type { Host, Network, Nic } from './types.ts'

const hex = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits)

/**
 * A MAC address in QEMU's range (52:54:00) that depends only on the text.
 *
 * @example
 * const mac = stableMac('network lan')
 */
export const stableMac = (text: string): string =>
  `52:54:00:${hex(text, 6).match(/../g)?.join(':') ?? ''}`

/**
 * The MAC address of a host's NIC: the inventory's, else one that depends only on the names of host and device.
 *
 * @example
 * const macs = host().nics.map(nic => macOf(host(), nic))
 */
export const macOf = (host: Pick<Host, 'name'>, nic: Pick<Nic, 'mac' | 'device'>): string =>
  nic.mac ?? stableMac(`${host.name}/${nic.device}`)

/** Longest name of a network device (IFNAMSIZ in linux/if.h, without the NUL). */
const LONGEST = 15

/**
 * The name of a network's bridge device on its hypervisor: the inventory's `bridge`, else the network's name, shortened to
 * the kernel's 15 characters.
 *
 * @example
 * const bridges = [...inventory().networks.values()].map(bridgeOf)
 */
export const bridgeOf = ({ name, bridge }: Pick<Network, 'name' | 'bridge'>): string =>
  bridge ?? (name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 5)}-${hex(name, 4)}`)

/**
 * The MAC address of a routed network's bridge: that of the gateway, as the network's hosts see it.
 *
 * @example
 * const mac = bridgeMacOf({ name: 'lan' })
 */
export const bridgeMacOf = ({ name }: Pick<Network, 'name'>): string => stableMac(`network ${name}`)
