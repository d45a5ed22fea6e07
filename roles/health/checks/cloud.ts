import type { Host, Vip } from '../../../lib/index.ts'
import type { Seen } from '../index.ts'

/** What the checks look at. */
export interface Cloud {
  readonly domain: string
  readonly hosts: readonly Host[]
  readonly vips: readonly Vip[]
  /** Selected hosts of a group or of a VIP's pattern. */
  in(group: string): readonly string[]
  /** All hosts of it, with those that --limit excludes. */
  all(group: string): readonly string[]
  /** What a host reported; undefined: nothing. */
  of(host: string): Seen | undefined
  /** Why a host reported nothing. */
  readonly lost: ReadonlyMap<string, string>
}

export const list = (names: readonly string[]): string => names.join(', ')
export const is = (n: number): string => (n === 1 ? 'is' : 'are')
/** The start of a long list. */
export const some = (texts: readonly string[]): string[] =>
  texts.length <= 6 ? [...texts] : [...texts.slice(0, 5), `and ${texts.length - 5} more`]

export const servers = (c: Cloud): readonly string[] => c.in('k3s_servers')
export const healthy = (c: Cloud): string[] =>
  servers(c).filter(n => c.of(n)?.server?.state.healthy)
/** The first healthy server: the checks take its view of the cluster. */
export const healthyServer = (c: Cloud) => c.of(healthy(c)[0] ?? '')?.server

export const majority = (n: number): number => Math.floor(n / 2) + 1

export const spare = (up: number, need: number): string =>
  up <= need ? '; the next one that fails stops the cluster' : `; ${up - need} more may fail`
