import {
  addressIn,
  hosts,
  excerpt,
  on,
  probe,
  TaskError,
  type Host,
  type Vip,
} from '../../lib/index.ts'
import { CHECK_SCRIPT, KEEPALIVED_CONF as CONF, MANAGED } from './templates.ts'

/** State of a balancer. */
export interface BalancerState {
  /** keepalived.conf is the role's. If not, the balancer is new and takes no part yet. */
  readonly configured: boolean
  readonly keepalived: boolean
  readonly haproxy: boolean
  /** IPv4 addresses on its interfaces. */
  readonly addresses: readonly string[]
}

/** By name of the balancer: its state, or why it could not be asked. */
export type BalancerStates = ReadonlyMap<string, BalancerState | string>

/** Asks every balancer of these VIPs. An unreachable balancer does not fail it: the map has the reason. */
export async function balancerStates(vips: readonly Vip[]): Promise<BalancerStates> {
  const balancers = new Map(vips.flatMap(v => hosts(v.balancers)).map(h => [h.name, h]))
  const found = await Promise.all(
    [...balancers.values()].map(async h => [h.name, await ask(h)] as const),
  )
  return new Map(found)
}

const ask = (balancer: Host): Promise<BalancerState | string> =>
  on(balancer, balancerState).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return error instanceof Error ? error.message : String(error)
  })

/** The state of the current host. Throws TaskError when its answer makes no sense. */
export async function balancerState(): Promise<BalancerState> {
  const { stdout } = await probe({
    whenNew: 'inactive\n127\n2\n',
  })`systemctl is-active keepalived; ${CHECK_SCRIPT} >/dev/null 2>&1; echo $?; grep -qsF ${MANAGED} ${CONF}; echo $?; ip -4 -o addr show`
  return parseState(stdout)
}

/**
 * Parses what `balancerState` asks: keepalived's ActiveState, the health check's exit code, 0 for a keepalived.conf of the
 * role, then one line per address as `ip -o` prints them. Throws TaskError for anything else.
 */
export function parseState(text: string): BalancerState {
  const [active = '', check = '', ours = '', ...rest] = text.split('\n')
  const end = rest.pop()
  const addresses = rest.map(l => /^\d+: \S+ +inet (\d+(?:\.\d+){3})(?:\/\d+)? /.exec(l)?.[1])
  if (
    !/^[a-z]+$/.test(active) ||
    !/^\d{1,3} \d{1,3}$/.test(`${check} ${ours}`) ||
    end !== '' ||
    addresses.includes(undefined)
  )
    throw new TaskError(`the balancer's state makes no sense: ${excerpt(text)}`)
  return {
    configured: ours === '0',
    keepalived: active === 'active',
    haproxy: check === '0',
    addresses: addresses.filter(a => a !== undefined),
  }
}

/** Names of the balancers that hold a VIP, among those that could be asked. */
export const holdersOf = (vip: Vip, states: BalancerStates): readonly string[] =>
  [...states]
    .filter(([, s]) => typeof s !== 'string' && s.addresses.includes(vip.address))
    .map(([name]) => name)

/** Names of the balancers that hold one of these VIPs and send no advertisements to `own`, which would take the VIP, too. */
export async function holdersUnawareOf(own: Host, all: readonly Vip[]): Promise<readonly string[]> {
  const states = await balancerStates(all)
  const unaware = await Promise.all(
    all.flatMap(vip => {
      const address = addressIn(own, vip.network) ?? ''
      const others = hosts(vip.balancers).filter(
        h => h.name !== own.name && holdersOf(vip, states).includes(h.name),
      )
      return others.map(async holder => {
        const knows = await on(
          holder,
          async () => (await probe`grep -qwF -- ${address} ${CONF}`).ok,
        )
        return knows ? [] : [holder.name]
      })
    }),
  )
  return [...new Set(unaware.flat())]
}
