import { setTimeout as sleep } from 'node:timers/promises'
import { host, hosts, vips, type Invariant, type Vip } from '../../lib/index.ts'
import { balancerStates, holdersOf, type BalancerState, type BalancerStates } from './state.ts'

/**
 * Rank of this host in a rolling play. 0: holds no VIP. 1: holds a VIP, so it comes after the others. 2: new beside a
 * holder, which must know it first (otherwise it would hear no advertisements and take the VIPs, too). In a new cloud no
 * balancer holds a VIP; the preferred one has 0 and the others 0.5: the first one that runs gets the VIPs and keeps them.
 */
export async function holdersLast(): Promise<number> {
  const mine = vips(host())
  const states = await balancerStates(mine)
  const state = states.get(host().name)
  const held = mine.flatMap(vip => holdersOf(vip, states))
  if (held.includes(host().name)) return 1
  if (typeof state === 'object' && state.configured) return 0
  if (held.length > 0) return 2
  return mine.some(v => (v.preferred ?? hosts(v.balancers)[0]?.name) === host().name) ? 0 : 0.5
}

/** A failover takes about two seconds. The invariant waits this long for one to end before it refuses a host. */
const SETTLE_MS = 8000

/** Exactly one balancer holds each VIP, and a play touches the holder only while every other balancer could take over. */
export const oneVipHolder: Invariant = {
  name: 'one holder of each VIP',
  timeoutSeconds: 60,
  async check(when, batch) {
    if (when === 'after') return oneHolderEach(vips(), await balancerStates(vips()))
    const end = performance.now() + SETTLE_MS
    for (;;) {
      const states = await balancerStates(vips())
      if (settled(vips(), states) || performance.now() > end)
        return mayTouch(vips(), states, balancersOf, batch)
      await sleep(500)
    }
  },
}

/** true when every VIP would still have a healthy balancer without these hosts, else which VIP would be lost. */
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

const isHealthy = (state: BalancerState | string | undefined): boolean =>
  typeof state === 'object' && state.keepalived && state.haproxy

const isNew = (state: BalancerState | string | undefined): boolean =>
  typeof state === 'object' && !state.configured

/** No failover is under way: each VIP has one holder, or none because no healthy balancer could take it. */
function settled(all: readonly Vip[], states: BalancerStates): boolean {
  const takers = [...states.values()].some(isHealthy)
  return all.every(
    vip => holdersOf(vip, states).length === 1 || (!takers && holdersOf(vip, states).length === 0),
  )
}

/** true, or which VIPs have no holder or more than one. */
export function oneHolderEach(all: readonly Vip[], states: BalancerStates): true | string {
  const wrong = all.flatMap(vip => {
    const holders = holdersOf(vip, states)
    if (holders.length === 1) return []
    return [
      holders.length > 1
        ? twoHold(vip, holders)
        : `no balancer holds ${vip.name} (${vip.address}): ${describe(states)}`,
    ]
  })
  return wrong.length === 0 || wrong.join('; ')
}

const twoHold = (vip: Vip, holders: readonly string[]): string =>
  `${holders.join(' and ')} both hold ${vip.name} (${vip.address}): they do not hear each other (VRRP, IP protocol 112) or differ in configuration. Run "systemctl stop keepalived" on all but one, then run again`

/**
 * Before a batch: true, or why a play must not touch it. A VIP without a holder cannot be lost, so a play may repair any
 * host. A VIP with two holders needs a person. For the only holder every other balancer must be healthy, except new
 * ones, which the play configures after it.
 */
export function mayTouch(
  all: readonly Vip[],
  states: BalancerStates,
  balancers: (vip: Vip) => readonly string[],
  batch: readonly string[],
): true | string {
  for (const vip of all) {
    const [holder, ...more] = holdersOf(vip, states)
    if (holder === undefined) continue
    if (more.length > 0) return twoHold(vip, [holder, ...more])
    const others = balancers(vip).filter(name => name !== holder)
    if (!batch.includes(holder) || others.length === 0) continue
    const together = others.filter(name => batch.includes(name))
    if (together.length > 0)
      return `${holder} holds ${vip.name} and would be changed together with ${together.join(', ')}: the play needs serial: 1`
    const sick = others.filter(name => !isHealthy(states.get(name)) && !isNew(states.get(name)))
    if (sick.length > 0)
      return `${holder} holds ${vip.name} (${vip.address}) and no other balancer could take it: ${sick.map(n => `${n}: ${problem(states.get(n))}`).join('; ')}. Repair ${sick.join(', ')} first (fmc play site --limit ${sick.join(',')}), or take it out of the VIP's balancers in the inventory`
  }
  return true
}

function problem(state: BalancerState | string | undefined): string {
  if (state === undefined) return 'it was not asked'
  if (typeof state === 'string') return state
  return [
    ...(state.keepalived ? [] : ['keepalived does not run']),
    ...(state.haproxy ? [] : ['haproxy does not answer']),
  ].join(', ')
}

const describe = (states: BalancerStates): string =>
  [...states].map(([name, s]) => `${name}: ${isHealthy(s) ? 'healthy' : problem(s)}`).join('; ')
