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

/** What a balancer does now. */
export interface BalancerState {
  /** Has the role got as far as keepalived here? If not, nobody counts on this balancer yet. */
  readonly configured: boolean
  readonly keepalived: boolean
  readonly haproxy: boolean
  /** IPv4 addresses on its interfaces. */
  readonly addresses: readonly string[]
}

/** By balancer: its state, or why nobody knows. */
export type Survey = ReadonlyMap<string, BalancerState | string>

/** Asks every balancer of these VIPs. One that cannot be asked is part of the answer. */
export async function survey(vips: readonly Vip[]): Promise<Survey> {
  const balancers = new Map(vips.flatMap(v => hosts(v.balancers)).map(h => [h.name, h]))
  const found = await Promise.all(
    [...balancers.values()].map(async h => [h.name, await ask(h)] as const),
  )
  return new Map(found)
}

const ask = (balancer: Host): Promise<BalancerState | string> =>
  on(balancer, stateHere).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return error instanceof Error ? error.message : String(error)
  })

/** The state of the host that this runs for. Throws TaskError when its answer makes no sense. */
export async function stateHere(): Promise<BalancerState> {
  const { stdout } = await probe({
    whenNew: 'inactive\n127\n2\n',
  })`systemctl is-active keepalived; ${CHECK_SCRIPT} >/dev/null 2>&1; echo $?; grep -qsF ${MANAGED} ${CONF}; echo $?; ip -4 -o addr show`
  return parseState(stdout)
}

/** Lines: keepalived's ActiveState, the check's exit code, 0 for a keepalived.conf of ours, then one per address as `ip -o` prints them. */
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
    throw new TaskError(`this is not the state of a balancer: ${excerpt(text)}`)
  return {
    configured: ours === '0',
    keepalived: active === 'active',
    haproxy: check === '0',
    addresses: addresses.filter(a => a !== undefined),
  }
}

/** Names of the balancers that hold an address, as far as they could be asked. */
export const holdersOf = (vip: Vip, found: Survey): readonly string[] =>
  [...found]
    .filter(([, s]) => typeof s !== 'string' && s.addresses.includes(vip.address))
    .map(([name]) => name)

/** Which balancers hold a VIP of this one without sending it their advertisements; it would take the VIP, too. */
export async function deafTo(own: Host, all: readonly Vip[]): Promise<readonly string[]> {
  const found = await survey(all)
  const deaf = await Promise.all(
    all.flatMap(vip => {
      const address = addressIn(own, vip.network) ?? ''
      const others = hosts(vip.balancers).filter(
        h => h.name !== own.name && holdersOf(vip, found).includes(h.name),
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
  return [...new Set(deaf.flat())]
}
