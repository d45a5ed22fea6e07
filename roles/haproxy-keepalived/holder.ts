import { setTimeout as sleep } from 'node:timers/promises'
import { host, hosts, vips, type Invariant, type Vip } from '../../lib/index.ts'
import { holdersOf, survey, type BalancerState, type Survey } from './survey.ts'

/**
 * Rank of this host in a rolling play. 0: holds no VIP. 1: holds one, so it comes after the others. 2: new beside
 * a holder, which must know it first (else it would hear nobody and take the VIPs, too). In a new cloud, where nobody
 * holds anything, the preferred balancer has 0 and the others 0.5: the first one up gets the VIPs and keeps them.
 */
export async function holdersLast(): Promise<number> {
  const mine = vips(host())
  const found = await survey(mine)
  const state = found.get(host().name)
  const held = mine.flatMap(vip => holdersOf(vip, found))
  if (held.includes(host().name)) return 1
  if (typeof state === 'object' && state.configured) return 0
  if (held.length > 0) return 2
  return mine.some(v => (v.preferred ?? hosts(v.balancers)[0]?.name) === host().name) ? 0 : 0.5
}

/** A failover takes about two seconds; until then nobody is refused because of it. */
const SETTLE_MS = 8000

/** Exactly one balancer holds each VIP, and the holder is touched only while every other balancer could take over. */
export const oneVipHolder: Invariant = {
  name: 'one holder of each VIP',
  timeoutSeconds: 60,
  async check(when, batch) {
    if (when === 'after') return oneHolderEach(vips(), await survey(vips()))
    const end = performance.now() + SETTLE_MS
    for (;;) {
      const found = await survey(vips())
      if (settled(vips(), found) || performance.now() > end)
        return mayTouch(vips(), found, balancersOf, batch)
      await sleep(500)
    }
  },
}

/** Can these hosts be missing for a while? true, or which VIP cannot spare them. */
export async function vipsStay(names: readonly string[]): Promise<true | string> {
  const lost = vips().find(vip => {
    const all = balancersOf(vip)
    return all.some(b => names.includes(b)) && all.every(b => names.includes(b))
  })
  if (lost) return `no other balancer has ${lost.name}`
  const answer = await oneVipHolder.check('before', names)
  return answer === false ? 'a VIP would be lost' : answer
}

const balancersOf = (vip: Vip): readonly string[] => hosts(vip.balancers).map(h => h.name)

const isSound = (state: BalancerState | string | undefined): boolean =>
  typeof state === 'object' && state.keepalived && state.haproxy

const isNew = (state: BalancerState | string | undefined): boolean =>
  typeof state === 'object' && !state.configured

/** No failover is under way: a VIP without a holder has nobody who would take it. */
function settled(all: readonly Vip[], found: Survey): boolean {
  const takers = [...found.values()].some(isSound)
  return all.every(
    vip => holdersOf(vip, found).length === 1 || (!takers && holdersOf(vip, found).length === 0),
  )
}

/** true, or which VIP has no holder or more than one. */
export function oneHolderEach(all: readonly Vip[], found: Survey): true | string {
  const wrong = all.flatMap(vip => {
    const holders = holdersOf(vip, found)
    if (holders.length === 1) return []
    return [
      holders.length > 1
        ? twoHold(vip, holders)
        : `no balancer holds ${vip.name} (${vip.address}): ${describe(found)}`,
    ]
  })
  return wrong.length === 0 || wrong.join('; ')
}

const twoHold = (vip: Vip, holders: readonly string[]): string =>
  `${holders.join(' and ')} both hold ${vip.name} (${vip.address}): they do not hear each other (VRRP, IP protocol 112) or differ in configuration. Run "systemctl stop keepalived" on all but one, then run again`

/**
 * Before a batch: true, or why it must not be touched. A VIP that nobody holds cannot be lost, so hosts may be
 * repaired then; a VIP with two holders needs a person; the only holder needs every other balancer in good health,
 * but for those that are new: they wait for it.
 */
export function mayTouch(
  all: readonly Vip[],
  found: Survey,
  balancers: (vip: Vip) => readonly string[],
  batch: readonly string[],
): true | string {
  for (const vip of all) {
    const [holder, ...more] = holdersOf(vip, found)
    if (holder === undefined) continue
    if (more.length > 0) return twoHold(vip, [holder, ...more])
    const others = balancers(vip).filter(name => name !== holder)
    if (!batch.includes(holder) || others.length === 0) continue
    const together = others.filter(name => batch.includes(name))
    if (together.length > 0)
      return `${holder} holds ${vip.name} and would be changed together with ${together.join(', ')}: the play needs serial: 1`
    const sick = others.filter(name => !isSound(found.get(name)) && !isNew(found.get(name)))
    if (sick.length > 0)
      return `${holder} holds ${vip.name} (${vip.address}) and could not be replaced: ${sick.map(n => `${n}: ${ailment(found.get(n))}`).join('; ')}. Repair ${sick.join(', ')} first (fmc play site --limit ${sick.join(',')}), or take it out of the VIP's balancers in the inventory`
  }
  return true
}

function ailment(state: BalancerState | string | undefined): string {
  if (state === undefined) return 'it was not asked'
  if (typeof state === 'string') return state
  return [
    ...(state.keepalived ? [] : ['keepalived does not run']),
    ...(state.haproxy ? [] : ['haproxy does not answer']),
  ].join(', ')
}

const describe = (found: Survey): string =>
  [...found].map(([name, s]) => `${name}: ${isSound(s) ? 'in good health' : ailment(s)}`).join('; ')
