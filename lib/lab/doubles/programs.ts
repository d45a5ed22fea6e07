import { existsSync } from 'node:fs'
import { all } from '../exec.ts'
import { realK3s } from '../real-k3s.ts'
import { same } from '../same.ts'
import type { LabState } from '../state.ts'
import type { Target } from '../target.ts'
import { coredns } from './coredns.ts'
import { k3sDouble } from './k3s.ts'
import { WIREGUARD, wireguardGo } from './wireguard-go.ts'

/** The programs that the lab builds itself, as far as its hosts, and VMs that a role may make, need them and it has none. */
export const programs = async (
  { inventory, programs }: Target,
  state: LabState | undefined,
  options: {
    readonly yes: boolean
    readonly artifactsDir?: string | undefined
    readonly log: (text: string) => void
  },
): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  const known =
    same(state?.programs.artifacts, programs.artifacts) &&
    same(state?.programs.realK3s, programs.realK3s)
      ? state
      : undefined
  const has = (name: string): boolean => existsSync(known?.artifacts[name]?.path ?? '')
  const made = await all([
    known ?? coredns(inventory, options),
    ...(programs.k3s && !has('k3s')
      ? [programs.realK3s ? realK3s(programs.realK3s, options) : k3sDouble(options)]
      : []),
    ...(programs.wireguard && !has(WIREGUARD) ? [wireguardGo(options)] : []),
  ])
  const skipped = new Map(made.flatMap(m => m.skippedRoles).map(s => [s.role, s]))
  return {
    artifacts: Object.assign({}, ...made.map(m => m.artifacts)) as LabState['artifacts'],
    skippedRoles: [...skipped.values()],
  }
}
