import type { Block } from '../inventory/net.ts'
import type { Side } from './endpoint.ts'

/** Who may reach whom on which port, as it stands in the inventory. */
export interface Flow {
  readonly from: string | readonly string[]
  readonly to: string | readonly string[]
  /** 22 or 22/tcp, 53/udp, 8000-8010/tcp; `any`: every port of every protocol. */
  readonly ports: readonly (string | number)[]
  readonly comment?: string | undefined
}

/** A port on the WAN side that is forwarded to a host inside. */
export interface Forward {
  readonly port: string | number
  /** Host, VIP or address. */
  readonly to: string
  /** Default: the same. */
  readonly to_port?: number | undefined
  readonly comment?: string | undefined
}

/** A host's firewall: the variables of the role. */
export interface Firewall {
  readonly firewall_mode: 'router' | 'host_dnat' | 'vps'
  readonly firewall_flows: readonly Flow[]
  readonly firewall_forwards: readonly Forward[]
  /** Networks whose hosts take this host's address when they leave these networks. */
  readonly firewall_masquerade: readonly string[]
  /** The device that faces the Internet (host_dnat, vps). */
  readonly firewall_wan?: string | undefined
  readonly firewall_log: boolean
}

export type Proto = 'tcp' | 'udp'
export interface Ports {
  readonly proto: Proto
  readonly first: number
  readonly last: number
}
export type Match = 'any' | 'ping' | 'vrrp' | readonly Ports[]

/** One rule for new connections. The first rule that fits decides; without one the connection is dropped. */
export interface Rule {
  readonly chain: 'input' | 'forward'
  readonly from: Side
  readonly to: Side
  readonly match: Match
  readonly verdict: 'accept' | 'drop'
  /** Only for connections that a forward has redirected. */
  readonly forwarded?: true
  /** Only for packets by the device lo: those that the machine sends to itself. `from` has the addresses they come from. */
  readonly local?: true
  /** The reason in words: the rule's comment on the host. */
  readonly why: string
  /** The flow or forward that it was made from, by position; neither: one of fmc's own rules. */
  readonly flow?: number
  readonly forward?: number
}

/** A connection from the WAN whose destination is replaced. */
export interface Redirect {
  readonly ports: Ports
  readonly to: string
  readonly toPort: number
  readonly why: string
  readonly forward: number
}

/**
 * All firewall rules of one host, made by `rulesOf`.
 *
 * @example
 * const accepted = ({ rules }: RuleSet): string[] =>
 *   rules.filter(({ verdict }) => verdict === 'accept').map(({ why }) => why)
 */
export interface RuleSet {
  readonly rules: readonly Rule[]
  readonly redirects: readonly Redirect[]
  /** Sources that are masqueraded when they leave these blocks. */
  readonly masquerade: readonly Block[]
  /** Redirected connections get this host's address as their source, so that the answers come back through it. */
  readonly masqueradeRedirects: boolean
}

/** A new connection, or a ping. */
export interface Packet {
  readonly from: string
  readonly to: string
  readonly proto: Proto | 'ping'
  /** 0 for a ping. */
  readonly port: number
}
