import {
  gate,
  hosts,
  on,
  resource,
  tryOn,
  vips,
  type Common,
  type Host,
  type Result,
  type Vip,
} from '../../lib/index.ts'
import {
  backendOf,
  setting,
  statusesHere,
  statusesIn,
  statusQuestion,
  type Status,
} from './haproxy-admin.ts'
import { DRAIN_TIMEOUT_MS, drainAlone } from './one-at-a-time.ts'

interface Traffic extends Common {
  readonly balancer: Host
  readonly server: string
  readonly backends: readonly string[]
  /** This run has taken the connections away. */
  readonly mine?: boolean
}

/** `due`: is a server in this state to be set? */
const traffic = (
  action: 'drain' | 'ready',
  what: string,
  due: (now: Status, mine: boolean) => boolean,
) =>
  resource({
    name: (o: Traffic) => `${what} ${o.server}`,
    needs: o => ({ statuses: statusQuestion(o.balancer, o.server) }),
    plan({ balancer, server, backends, mine = false }, { statuses }) {
      const found = statusesIn(statuses)
      const set = backends.filter(b => {
        const status = found.get(b)
        return status !== undefined && due(status, mine)
      })
      if (set.length === 0) return []
      const after = [...found].map(
        ([b, { status, others, held }]) =>
          `${b},${set.includes(b) ? afterwards(action, status) : status},${others},${Number(held)}\n`,
      )
      return [
        {
          what: `${action} in ${set.join(', ')}`,
          ...(action === 'drain'
            ? { script: drainAlone(balancer, server, set), timeoutMs: DRAIN_TIMEOUT_MS }
            : { script: set.map(b => setting(balancer, server, b, action)).join('\n') }),
          factsAfter: [
            [
              statusQuestion(balancer, server),
              { code: 0, stdout: after.join(''), stderr: '' },
            ] as const,
          ],
        },
      ]
    },
  })

/** haproxy shows a server that is down as DOWN, drained or not: `ready` counts for it as well. */
const afterwards = (action: 'drain' | 'ready', status: string): string =>
  status.startsWith('DOWN') ? status : action === 'drain' ? 'DRAIN' : 'UP'

const NO_TRAFFIC = 'no new connections to'

/**
 * Before a restart. The last server that is up keeps its connections to the end: without it there is none. Another run may be
 * about to give back another. One that is down may come up just before it restarts, by a check of a moment before.
 */
const noTraffic = traffic(
  'drain',
  NO_TRAFFIC,
  ({ status, others, held }) => /^(UP|DOWN)/.test(status) && (others > 0 || held),
)
/** For a host that leaves. */
const noTrafficForGood = traffic(
  'drain',
  NO_TRAFFIC,
  ({ status, others, held }) => status.startsWith('UP') && (others > 0 || held),
)
/** Not MAINT: fmc never sets that, so a person has. */
const trafficAgain = traffic('ready', 'connections again to', ({ status }, mine) =>
  mine ? /^(DRAIN|DOWN)/.test(status) : status.startsWith('DRAIN'),
)

/** Which VIPs' traffic a restart interrupts: of K3s alone, or of the whole machine. */
export type Reach = 'k3s' | 'machine'

interface Seen {
  readonly balancer: Host
  readonly backends: readonly string[]
  /** Those in which haproxy saw the server up. */
  readonly up: readonly string[]
}

const backendsOf = (all: readonly Vip[]): readonly string[] =>
  all.flatMap(vip => vip.ports.map(port => backendOf(vip, port)))

/** The balancers that answer and send connections to this host, each with its backends. */
async function balancersOf(host: Host, reach: Reach): Promise<readonly Seen[]> {
  const served = vips().filter(
    vip =>
      (reach === 'machine' || vip.check === 'k3s') &&
      hosts(vip.backends).some(h => h.name === host.name),
  )
  const balancers = new Map(
    served.flatMap(vip => hosts(vip.balancers).map(h => [h.name, h] as const)),
  )
  // Every run goes through them in this order: two that wait for one another would wait for ever.
  const inOrder = [...balancers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const seen = await Promise.all(
    inOrder.map(async balancer => {
      // The machine that restarts cannot be told: if it is a balancer itself, another one takes its VIPs.
      if (balancer.name === host.name) return []
      const asked = await tryOn(balancer, () => statusesHere(balancer, host.name))
      const mine = served.filter(v => hosts(v.balancers).some(h => h.name === balancer.name))
      const backends = backendsOf(mine)
      const isUp = (b: string): boolean =>
        asked.ok && asked.value.get(b)?.status.startsWith('UP') === true
      return asked.ok && asked.value.size > 0
        ? [{ balancer, backends, up: backends.filter(isUp) }]
        : []
    }),
  )
  return seen.flat()
}

/**
 * Does the work, a planned restart, while no balancer sends new connections to this host; open ones go on. It gets them
 * again once it serves, also if an interrupted run has left it without; after a failure as soon as haproxy's checks see it
 * up. A balancer that does not answer, or that fmc has not configured yet, is left out, and so is the last server that is up.
 * While another run has a server of the same backend out, it waits. Fails if a balancer that saw the host up before the restart does not
 * see it up again.
 *
 * @param due - false: nothing is restarted, and the work only checks
 */
export async function outOfPool(
  host: Host,
  reach: Reach,
  due: boolean,
  work: () => Promise<void>,
): Promise<void> {
  const drained: Seen[] = []
  const before = due ? await balancersOf(host, reach) : []
  const giveBack = (seen: Seen): Promise<Result> =>
    trafficAgain({ ...seen, server: host.name, mine: drained.includes(seen) })
  try {
    for (const seen of before) {
      drained.push(seen)
      const { changed } = await on(seen.balancer, () => noTraffic({ ...seen, server: host.name }))
      if (!changed) drained.pop()
    }
    await work()
  } catch (error) {
    // What the balancer says to it counts less than the failure.
    for (const seen of drained) await tryOn(seen.balancer, () => giveBack(seen))
    throw error
  }
  const others = (await balancersOf(host, reach)).filter(
    ({ balancer }) => !drained.some(d => d.balancer.name === balancer.name),
  )
  const all = [...drained, ...others]
  // One that fails does not keep the others from it, and a host that is late gets its connections as soon as it is up.
  const given: PromiseSettledResult<unknown>[] = await Promise.allSettled([
    checkedBy(all, before, host, reach),
  ])
  for (const seen of all)
    given.push(...(await Promise.allSettled([on(seen.balancer, () => giveBack(seen))])))
  for (const result of given) if (result.status === 'rejected') throw result.reason
}

/**
 * Takes away the connections of a host that leaves for good, at every balancer that answers; nothing gives them back.
 * The last server that is up keeps them to the end.
 */
export async function leavesPool(host: Host): Promise<void> {
  for (const seen of await balancersOf(host, 'machine'))
    await on(seen.balancer, () => noTrafficForGood({ ...seen, server: host.name }))
}

/** Gives the balancers' checks time to see the host, so that the next one is not restarted before this one is back. */
async function checkedBy(
  all: readonly Seen[],
  before: readonly Seen[],
  host: Host,
  reach: Reach,
): Promise<void> {
  if (all.length === 0) return
  const checks =
    3 * Math.max(...all.map(s => checkSeconds(s.balancer.vars['haproxy_check_seconds'])))
  const settled = performance.now() / 1000 + SETTLE_SECONDS[reach] + checks
  const check = async (): Promise<true | string> => {
    const down = (await Promise.all(all.map(seen => downOn(seen, host)))).flat()
    const missing = notBack(down, before, performance.now() / 1000 > settled)
    return (
      missing.length === 0 ||
      missing.map(m => `${m.balancer}: ${host.name} is still DOWN in ${m.backend}`).join('; ')
    )
  }
  await gate(`the balancers have checked ${host.name}`, check, {
    timeoutSeconds: RETURN_SECONDS[reach] + checks,
    everySeconds: 0.5,
  })
}

/** After this time two checks have seen a host that serves; on a machine its other services have to start first. */
const SETTLE_SECONDS: Readonly<Record<Reach, number>> = { k3s: 5, machine: 30 }
/** What served before serves again after this time at the latest: on a machine, pods such as Traefik's. */
const RETURN_SECONDS: Readonly<Record<Reach, number>> = { k3s: 60, machine: 300 }

const DEFAULT_CHECK_SECONDS = 3
const checkSeconds = (value: unknown): number =>
  typeof value === 'number' ? value : DEFAULT_CHECK_SECONDS

interface Down {
  /** Name of the balancer. */
  readonly balancer: string
  readonly backend: string
}

/**
 * Where a restarted host has to come up yet, of the places where it is down. `settled`: the checks have had their time. Then only those
 * count in which it was up before: a balancer that knows an older address, say, has never seen it up, and that is no reason to stop.
 */
export const notBack = (
  down: readonly Down[],
  before: readonly { readonly balancer: Pick<Host, 'name'>; readonly up: readonly string[] }[],
  settled: boolean,
): readonly Down[] =>
  settled
    ? down.filter(d => before.some(s => s.balancer.name === d.balancer && s.up.includes(d.backend)))
    : down

async function downOn({ balancer, backends }: Seen, host: Host): Promise<readonly Down[]> {
  const asked = await tryOn(balancer, () => statusesHere(balancer, host.name))
  if (!asked.ok) return []
  return backends
    .filter(b => asked.value.get(b)?.status.startsWith('DOWN') === true)
    .map(backend => ({ balancer: balancer.name, backend }))
}
