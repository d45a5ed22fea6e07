import { createHash } from 'node:crypto'
import type { Host, Network, Nic } from './types.ts'

const hex = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits)

/** A MAC address of QEMU's range (52:54:00) that is always the same for this text. */
export const stableMac = (text: string): string =>
  `52:54:00:${hex(text, 6).match(/../g)?.join(':') ?? ''}`

/** The MAC address of a host's NIC: the inventory's, else one that follows from the names of host and device. */
export const macOf = (host: Pick<Host, 'name'>, nic: Pick<Nic, 'mac' | 'device'>): string =>
  nic.mac ?? stableMac(`${host.name}/${nic.device}`)

/** The longest name of a network device (IFNAMSIZ in linux/if.h, less the NUL). */
const LONGEST = 15

/** The bridge device of a network on its hypervisor: the inventory's `bridge`, else the network's name, shortened if need be. */
export const bridgeOf = ({ name, bridge }: Pick<Network, 'name' | 'bridge'>): string =>
  bridge ?? (name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 5)}-${hex(name, 4)}`)

/** The MAC address of a routed network's bridge: what the network's hosts know their gateway by. */
export const bridgeMacOf = ({ name }: Pick<Network, 'name'>): string => stableMac(`network ${name}`)
