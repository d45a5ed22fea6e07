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
        ([b, { status, others }]) =>
          `${b},${set.includes(b) ? afterwards(action, status) : status},${others}\n`,
      )
      return [
        {
          what: `${action} in ${set.join(', ')}`,
          script: set.map(b => setting(balancer, server, b, action)).join('\n'),
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
  action === 'drain' ? 'DRAIN' : status.startsWith('DOWN') ? status : 'UP'

/** The last server that is up keeps its connections to the end: without it there is none. */
const noTraffic = traffic(
  'drain',
  'no new connections to',
  ({ status, others }) => status.startsWith('UP') && others > 0,
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
  const seen = await Promise.all(
    [...balancers.values()].map(async balancer => {
      // The machine that restarts cannot be told: if it is a balancer itself, another one takes its VIPs.
      if (balancer.name === host.name) return []
      const asked = await tryOn(balancer, () => statusesHere(balancer, host.name))
      const mine = served.filter(v => hosts(v.balancers).some(h => h.name === balancer.name))
      return asked.ok && asked.value.size > 0 ? [{ balancer, backends: backendsOf(mine) }] : []
    }),
  )
  return seen.flat()
}

/**
 * Does the work, a planned restart, while no balancer sends new connections to this host; open ones go on. It gets them
 * again once it serves, also if an interrupted run has left it without; after a failure as soon as haproxy's checks see it
 * up. A balancer that does not answer, or that fmc has not configured yet, is left out, and so is the last server that is up.
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
  const giveBack = (seen: Seen): Promise<Result> =>
    trafficAgain({ ...seen, server: host.name, mine: drained.includes(seen) })
  try {
    for (const seen of due ? await balancersOf(host, reach) : []) {
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
  await checkedBy(all, host, reach)
  // One that fails does not keep the others from it.
  const given: PromiseSettledResult<Result>[] = []
  for (const seen of all)
    given.push(...(await Promise.allSettled([on(seen.balancer, () => giveBack(seen))])))
  for (const result of given) if (result.status === 'rejected') throw result.reason
}

/** Gives the balancers' checks time to see the host, so that the next one is not restarted before this one is back. */
async function checkedBy(all: readonly Seen[], host: Host, reach: Reach): Promise<void> {
  if (all.length === 0) return
  const seconds = patience(all, reach)
  const end = performance.now() + seconds * 1000
  const check = async (): Promise<true | string> => {
    const waiting = await Promise.all(all.map(seen => downOn(seen, host)))
    const [why] = waiting.flat()
    // A balancer that still knows an older address, say, never sees it up: that is no reason to stop.
    return why === undefined || performance.now() > end || waiting.flat().join('; ')
  }
  await gate(`the balancers have checked ${host.name}`, check, {
    timeoutSeconds: seconds + 10,
    everySeconds: 0.5,
  })
}

/** Seconds until two checks have seen a host that serves; on a machine its other services have to start first. */
const patience = (all: readonly Seen[], reach: Reach): number =>
  (reach === 'machine' ? 30 : 5) +
  3 * Math.max(...all.map(({ balancer }) => checkSeconds(balancer.vars['haproxy_check_seconds'])))

const DEFAULT_CHECK_SECONDS = 3
const checkSeconds = (value: unknown): number =>
  typeof value === 'number' ? value : DEFAULT_CHECK_SECONDS

async function downOn({ balancer, backends }: Seen, host: Host): Promise<readonly string[]> {
  const asked = await tryOn(balancer, () => statusesHere(balancer, host.name))
  if (!asked.ok) return []
  return backends
    .filter(b => asked.value.get(b)?.status.startsWith('DOWN') === true)
    .map(b => `${balancer.name}: ${host.name} is still DOWN in ${b}`)
}
