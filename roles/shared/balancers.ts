import {
  ask,
  gate,
  hosts,
  on,
  probe,
  quote,
  resource,
  tryOn,
  vips,
  type Common,
  type Host,
  type Vip,
} from '../../lib/index.ts'
import { OWN_CURL } from './curl.ts'
import { adminSocket } from './platform.ts'

/** haproxy's name for the backend that serves a port of a VIP. */
export const backendOf = (vip: { readonly name: string }, port: number): string =>
  `${vip.name}_${port}`

const curl = (balancer: Host): string =>
  `${OWN_CURL} -sS -m 5 --unix-socket ${adminSocket(balancer)}`

/**
 * Prints BACKEND,STATUS,OTHERS for a server in each backend, with the number of other servers there that are up; nothing
 * where haproxy does not run or is not fmc's.
 */
const statusScript = (balancer: Host, server: string): string =>
  `[ ! -e ${adminSocket(balancer)} ] || ${curl(balancer)} 'http://haproxy/;csv' | awk -F, -v server=${quote(server)} '
$2 == server { mine[$1] = $18; next }
$2 !~ /^(FRONTEND|BACKEND)$/ && $18 ~ /^UP/ { others[$1]++ }
END { for (b in mine) print b "," mine[b] "," others[b] + 0 }'`

interface Status {
  /** haproxy's word for it, such as UP, DOWN, DRAIN or "UP 1/3" (docs.haproxy.org, management guide, "CSV format", field 18). */
  readonly status: string
  /** Other servers of the backend that are up. */
  readonly others: number
}
type Statuses = ReadonlyMap<string, Status>

/**
 * Parses what `statusScript` prints, by backend. Lines of another form are left out.
 *
 * @example
 * parseStatuses('api_6443,UP,2\n').get('api_6443')?.status // UP
 */
export const parseStatuses = (text: string): Statuses =>
  new Map(
    [...text.matchAll(/^([\w.-]{1,200}),([A-Za-z][\w ()/-]{0,60}),(\d{1,6})$/gm)].map(
      ([, backend = '', status = '', others]) => [backend, { status, others: Number(others) }],
    ),
  )

const question = (balancer: Host, server: string) =>
  ask('command', `sh -c ${quote(statusScript(balancer, server))}`, {
    code: 0,
    stdout: '',
    stderr: '',
  })

interface Traffic extends Common {
  readonly balancer: Host
  readonly server: string
  readonly backends: readonly string[]
}

/** Sets the state of a server in one backend; haproxy answers with a redirect to a page named by the outcome. */
const setting = (balancer: Host, server: string, backend: string, action: 'drain' | 'ready') =>
  `o=$(${curl(balancer)} -o /dev/null -w '%{redirect_url}' --data-urlencode ${quote(`s=${server}`)} --data-urlencode ${quote(`b=${backend}`)} -d action=${action} http://haproxy/)
case $o in *st=DONE | *st=NONE) ;; *) echo ${quote(`haproxy does not set ${server} in ${backend} to ${action}: `)}"$o" >&2; exit 1 ;; esac`

/** `due`: is a server in this state to be set? `now`: what the state becomes. */
const traffic = (
  action: 'drain' | 'ready',
  what: string,
  due: (now: Status) => boolean,
  now: string,
) =>
  resource({
    name: (o: Traffic) => `${what} ${o.server}`,
    needs: o => ({ statuses: question(o.balancer, o.server) }),
    plan({ balancer, server, backends }, { statuses }) {
      const found = parseStatuses(statuses.stdout)
      const set = backends.filter(b => {
        const status = found.get(b)
        return status !== undefined && due(status)
      })
      if (set.length === 0) return []
      const after = [...found].map(
        ([b, { status, others }]) => `${b},${set.includes(b) ? now : status},${others}\n`,
      )
      return [
        {
          what: `${action} in ${set.join(', ')}`,
          script: set.map(b => setting(balancer, server, b, action)).join('\n'),
          factsAfter: [
            [question(balancer, server), { code: 0, stdout: after.join(''), stderr: '' }] as const,
          ],
        },
      ]
    },
  })

/** The last server that is up keeps its connections to the end: without it there is none. */
const noTraffic = traffic(
  'drain',
  'no new connections to',
  ({ status, others }) => status.startsWith('UP') && others > 0,
  'DRAIN',
)
/** Not MAINT: fmc never sets that, so a person has. */
const trafficAgain = traffic(
  'ready',
  'connections again to',
  ({ status }) => status.startsWith('DRAIN'),
  'UP',
)
/** After a failure: haproxy shows a server that is down as DOWN, drained or not. */
const trafficOnceUp = traffic(
  'ready',
  'connections, once it is up, to',
  ({ status }) => /^(DRAIN|DOWN)/.test(status),
  'DOWN',
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

const statusesHere = async (balancer: Host, server: string): Promise<Statuses> =>
  parseStatuses(
    (await probe({ estimate: false, whenNew: '' })`sh -c ${statusScript(balancer, server)}`).stdout,
  )

/** On a balancer: the servers, as BACKEND/SERVER, to which its haproxy sends no new connections although it could. */
export async function drainedHere(balancer: Host): Promise<readonly string[]> {
  const { stdout } = await probe({
    estimate: false,
    whenNew: '',
  })`sh -c ${`[ ! -e ${adminSocket(balancer)} ] || ${curl(balancer)} 'http://haproxy/;csv' | awk -F, '$18 ~ /^DRAIN/ { print $1 "/" $2 }'`}`
  return stdout.split('\n').filter(line => /^[\w.-]{1,200}\/[\w.-]{1,253}$/.test(line))
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
  const before = due ? await balancersOf(host, reach) : []
  for (const { balancer, backends } of before)
    await on(balancer, () => noTraffic({ balancer, server: host.name, backends }))
  try {
    await work()
  } catch (error) {
    // What the balancer says to it counts less than the failure.
    for (const { balancer, backends } of before)
      await tryOn(balancer, () => trafficOnceUp({ balancer, server: host.name, backends }))
    throw error
  }
  await backInPool(host, reach)
}

/** haproxy counts a server as up after two checks, which are at most 3 s apart. */
const CHECKED_SECONDS = 20

/** Gives the balancers' checks time to see the host, so that the next one is not restarted before this one is back. */
async function backInPool(host: Host, reach: Reach): Promise<void> {
  const seen = await balancersOf(host, reach)
  if (seen.length === 0) return
  await gate(`the balancers have checked ${host.name}`, checked(host, seen), {
    timeoutSeconds: CHECKED_SECONDS + 10,
    everySeconds: 0.5,
  })
  for (const { balancer, backends } of seen)
    await on(balancer, () => trafficAgain({ balancer, server: host.name, backends }))
}

/** A balancer that still knows an older address, say, never sees it up: that is no reason to stop. */
function checked(host: Host, seen: readonly Seen[]): () => Promise<true | string> {
  const end = performance.now() + CHECKED_SECONDS * 1000
  return async () => {
    const waiting = await Promise.all(
      seen.map(async ({ balancer, backends }) => {
        const asked = await tryOn(balancer, () => statusesHere(balancer, host.name))
        const down = asked.ok
          ? backends.filter(b => asked.value.get(b)?.status.startsWith('DOWN') === true)
          : []
        return down.map(b => `${balancer.name}: ${host.name} is still DOWN in ${b}`)
      }),
    )
    const [why] = waiting.flat()
    return why === undefined || performance.now() > end || waiting.flat().join('; ')
  }
}
