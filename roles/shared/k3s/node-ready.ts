import { hosts, inventory, nonsense, on, probe, type Host } from '../../../lib/index.ts'
import { KUBECTL } from './platform.ts'
import { healthyIn, SERVERS, survey } from './survey.ts'

/** Once a kubelet is gone, its Node stops being Ready within this time (kube-controller-manager, node-monitor-grace-period: 50 s). */
const STALE_SECONDS = 120

/** The unit that runs K3s on a host of the cluster. */
export const k3sUnitOf = ({ groups }: Host): 'k3s' | 'k3s-agent' =>
  groups.includes(SERVERS) ? 'k3s' : 'k3s-agent'

/** Is the host a node, as a healthy server sees it? false without a cluster, or when no server is healthy. */
export async function isKnown({ name }: Host): Promise<boolean> {
  if (!inventory().groups.has(SERVERS)) return false
  const [healthyServer] = healthyIn(await survey())
  return healthyServer?.[1].nodes.some(n => n.name === name) ?? false
}

/** true if the node is Ready by a report of the kubelet that runs now; else why not. */
export async function isBack(host: Host): Promise<true | string> {
  const [healthyServer] = healthyIn(await survey())
  if (!healthyServer) return 'no K3s server is healthy'
  const node = healthyServer[1].nodes.find(n => n.name === host.name)
  if (!node) return `there is no node ${host.name}`
  if (!node.ready) return `${host.name} is not Ready`
  for (const server of hosts(healthyServer[0])) return kubeletReports(host, server)
  return `the inventory has no host ${healthyServer[0]}`
}

const started = (unit: string): string =>
  `systemctl show -p ActiveState -p ExecMainStartTimestampMonotonic ${unit}.service; cut -d ' ' -f 1 /proc/uptime; date +%s.%N`

/**
 * true if the unit is active and its kubelet has renewed its lease since the unit started, else why not. Without the
 * lease, a Node that is Ready may still be so by a report from before the restart.
 */
export async function kubeletReports(host: Host, server: Host): Promise<true | string> {
  const unit = k3sUnitOf(host)
  const { stdout } = await on(host, () => probe({ estimate: false })`sh -c ${started(unit)}`)
  const start = parseStart(stdout)
  if (start.active !== 'active') return `${unit}.service on ${host.name} is ${start.active}`
  if (start.ago > STALE_SECONDS) return true
  const lease = await on(
    server,
    () =>
      probe({
        estimate: false,
      })`timeout 10 ${KUBECTL} -n kube-node-lease get lease ${host.name} -o ${'jsonpath={.spec.renewTime}'}`,
  )
  const renewed = Date.parse(lease.stdout.trim()) / 1000
  return renewed > start.at || `the kubelet of ${host.name} has not reported since it started`
}

/** When a unit started, in seconds: since 1970 (`at`), and ago. Throws TaskError when the answer makes no sense. */
export function parseStart(text: string): { active: string; at: number; ago: number } {
  const active = /^ActiveState=(\w+)$/m.exec(text)?.[1]
  const monotonic = /^ExecMainStartTimestampMonotonic=(\d{1,18})$/m.exec(text)?.[1]
  const [, up, now] = /^(\d{1,12}\.\d{1,9})\n(\d{1,12}\.\d{1,9})\n?$/m.exec(text) ?? []
  if (active === undefined || monotonic === undefined || up === undefined || now === undefined)
    throw nonsense('systemctl', 'when a unit started', text)
  const ago = Number(up) - Number(monotonic) / 1e6
  return { active, ago, at: Number(now) - ago }
}
