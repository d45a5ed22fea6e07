import {
  excerpt,
  gate,
  hosts,
  on,
  probe,
  role,
  TaskError,
  vips,
  type Vip,
} from '../../lib/index.ts'
import { OWN_CURL_WORDS } from '../shared/curl.ts'
import type { KubernetesObject } from '../shared/kubernetes/chart.ts'
import { chartsInstalled, type Installed } from '../shared/kubernetes/chart-gate.ts'
import { kubectl, type Answer } from '../shared/kubernetes/kubectl.ts'
import { isKeeper, manifest, noManifest } from '../shared/kubernetes/manifest.ts'
import { isReady, NODES, readNodes, type Node } from '../shared/kubernetes/nodes.ts'
import { readWorkloads, unready, WORKLOADS } from '../shared/kubernetes/workloads.ts'
import { exposureProblem, labelled, SERVICE_TYPES, traefikConfig, typeKey } from './templates.ts'
import { DEFAULT_VIP, vars as schema } from './vars.ts'

export default role({
  name: 'traefik',
  summary:
    'Ingress on the workers, which learns the clients’ real addresses from the load balancers',
  vars: schema,
  advise: ({ vars, inventory }) =>
    vars.traefik_vip === DEFAULT_VIP || inventory.vips.has(vars.traefik_vip)
      ? []
      : [
          {
            variable: 'traefik_vip',
            severity: 'error',
            message: `the inventory has no VIP ${vars.traefik_vip}`,
            hint: `its VIPs: ${[...inventory.vips.keys()].join(', ') || 'none'}`,
          },
        ],
  async tasks({ vars, host }) {
    const vip = vips().find(v => v.name === vars.traefik_vip)
    if (!vip && vars.traefik_vip === DEFAULT_VIP) return
    if (!vip) throw new TaskError(`traefik_vip: the inventory has no VIP ${vars.traefik_vip}`)
    const problem = exposureProblem(vip, vars)
    if (problem !== undefined)
      throw new TaskError(problem, { hint: 'set backend_ports of the VIP, or traefik_exposure' })
    if (!isKeeper(host)) {
      await noManifest('traefik')
      return
    }
    const config = traefikConfig(vip, hosts(vip.balancers), vars)
    if (!vip.proxyProtocol)
      await gate('no balancer speaks the PROXY protocol to it', () => silent(vip))
    const installed = await chartsInstalled([config])
    await manifest('traefik', 'traefik', [config])
    const wanted = { type: SERVICE_TYPES[vars.traefik_exposure], key: typeKey(vars.k3s_version) }
    await gate('Traefik runs with this configuration', () => runs(vip, config, wanted, installed), {
      timeoutSeconds: 600,
      everySeconds: 2,
    })
    await gate('Traefik answers on every worker that is ready', () => answers(vip))
  },
})

/** true when no balancer sends PROXY headers, which Traefik would no longer understand. An unreachable balancer sends none. */
async function silent(vip: Vip): Promise<true | string> {
  const line = `^ *default-server .*send-proxy-v2`
  const speaking = await Promise.all(
    hosts(vip.balancers).map(balancer =>
      on(balancer, async () => {
        const { ok } =
          await probe`sed -n ${`/^backend ${vip.name}_/,/^$/p`} /etc/haproxy/haproxy.cfg 2>/dev/null | grep -q ${line}`
        return ok ? [balancer.name] : []
      }).catch((error: unknown) => {
        if (error instanceof Error && error.name === 'AbortError') throw error
        return []
      }),
    ),
  )
  return (
    speaking.flat().length === 0 ||
    `${speaking.flat().join(', ')} still does; first run: fmc play site --tags loadbalancers`
  )
}

/** The ready backends that take ports 80 and 443; or why one never will, or why that is not known. */
async function ingressNodes(vip: Vip): Promise<readonly Node[] | string> {
  const nodes = readNodes(await NODES.ask())
  if (typeof nodes === 'string') return nodes
  const backends = hosts(vip.backends)
  const ready = nodes.filter(n => backends.some(h => h.name === n.metadata.name) && isReady(n))
  return labelled(ready, vip, backends)
}

/** The type of Traefik's Service, and the chart's key for it. */
interface WantedType {
  readonly type: string
  readonly key: string
}

/** true when the cluster runs Traefik with this configuration. Before the first worker joins, helm's job has no node: true, too. */
async function runs(
  vip: Vip,
  config: KubernetesObject,
  wanted: WantedType,
  installed: Installed,
): Promise<true | string> {
  const applied = await installed([config], [])
  if (applied !== true) return applied
  const nodes = await ingressNodes(vip)
  if (typeof nodes === 'string') return nodes
  if (nodes.length === 0) return true
  const released = await installed([config], ['traefik'])
  if (released !== true) return released
  const workloads = readWorkloads(await SYSTEM.ask())
  if (typeof workloads === 'string') return workloads
  const own = workloads.filter(w => w.metadata.name === 'traefik')
  if (own.length === 0) return 'the cluster does not have Traefik yet'
  const wrong = unready(own)
  return wrong.length === 0 ? hasType(await SERVICE.ask(), wanted) : wrong.join('; ')
}

/** true when Traefik's Service has the type of the exposure: a chart ignores a value whose key it has renamed. */
function hasType({ code, stdout }: Answer, { type, key }: WantedType): true | string {
  if (code !== 0) return 'the cluster does not have Traefik’s Service yet'
  return (
    stdout.trim() === type ||
    `Traefik’s Service has the type ${excerpt(stdout.trim())}, not ${type}: the chart of this K3s does not know ${key}`
  )
}

const SERVICE = kubectl(
  '-n',
  'kube-system',
  'get',
  'service',
  'traefik',
  '-o',
  'jsonpath={.spec.type}',
)
const SYSTEM = kubectl('-n', 'kube-system', 'get', WORKLOADS, '-o', 'json')

/** true when Traefik answers on all ready backends. Any answer counts: without a route it is 404. */
async function answers(vip: Vip): Promise<true | string> {
  const nodes = await ingressNodes(vip)
  if (typeof nodes === 'string') return nodes
  const names = nodes.map(n => n.metadata.name)
  const urls = hosts(vip.backends)
    .filter(h => names.includes(h.name))
    .flatMap(h =>
      vip.ports.map(
        (port, n) =>
          `${port === 443 ? 'https' : 'http'}://${h.address}:${vip.backendPorts[n] ?? port}/`,
      ),
    )
  if (urls.length === 0) return true
  const { stdout } =
    await probe`for u in ${urls}; do ( ${OWN_CURL_WORDS} -sk -o /dev/null -m 5 "$u" || echo "$u" ) & done; wait`
  const dead = stdout.split('\n').filter(Boolean).sort()
  return dead.length === 0 || `no answer from ${dead.join(', ')}`
}
