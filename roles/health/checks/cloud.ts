import type { Host, Vip } from '../../../lib/index.ts'
import type { Seen } from '../index.ts'

/** What the checks below look at. */
export interface Cloud {
  readonly domain: string
  readonly hosts: readonly Host[]
  readonly vips: readonly Vip[]
  /** Hosts of a group or of a VIP's pattern, of those that were asked. */
  in(group: string): readonly string[]
  /** All of them, also those that --limit left out. */
  all(group: string): readonly string[]
  of(host: string): Seen | undefined
  /** Why a host said nothing. */
  readonly lost: ReadonlyMap<string, string>
}

export const list = (names: readonly string[]): string => names.join(', ')
export const is = (n: number): string => (n === 1 ? 'is' : 'are')
/** Of a long list its beginning. */
export const some = (texts: readonly string[]): string[] =>
  texts.length <= 6 ? [...texts] : [...texts.slice(0, 5), `and ${texts.length - 5} more`]

export const servers = (c: Cloud): readonly string[] => c.in('k3s_servers')
export const healthy = (c: Cloud): string[] =>
  servers(c).filter(n => c.of(n)?.server?.state.healthy)
/** The server whose word about the cluster is taken. */
export const healthyServer = (c: Cloud) => c.of(healthy(c)[0] ?? '')?.server

export const majority = (n: number): number => Math.floor(n / 2) + 1

export const spare = (up: number, need: number): string =>
  up <= need ? '; the next one that fails stops the cluster' : `; ${up - need} more may fail`
