import t from 'tap'
import { parse } from 'yaml'
import type { Host, Vip } from '../../lib/index.ts'
import type { Node } from '../../roles/shared/kubernetes/nodes.ts'
import {
  exposureProblem,
  INGRESS_LABEL,
  labelled,
  traefikConfig,
  typeKey,
} from '../../roles/traefik/templates.ts'
import { vars } from '../../roles/traefik/vars.ts'

const balancers = [{ nics: [{ address: '192.168.0.30' }] }] as unknown as Host[]
const vip = (backendPorts: readonly number[], proxyProtocol = false, ports = [80, 443]) =>
  ({ name: 'web', ports, backendPorts, proxyProtocol }) as unknown as Vip
const exposed = (how: string) => vars.parse({ traefik_exposure: how })
const values = (v: Vip, how: string) =>
  parse(
    (traefikConfig(v, balancers, exposed(how)).spec as { valuesContent: string }).valuesContent,
  ) as {
    [key: string]: unknown
  }

void t.test('how the nodes open their ports', t => {
  const local = (type: string) => ({ spec: { type, externalTrafficPolicy: 'Local' } })
  for (const [how, v, expected] of [
    [
      'servicelb',
      vip([80, 443]),
      { service: local('LoadBalancer'), ports: { web: {}, websecure: {} } },
    ],
    [
      'nodeport',
      vip([30080, 30443]),
      {
        service: local('NodePort'),
        ports: { web: { nodePort: 30080 }, websecure: { nodePort: 30443 } },
      },
    ],
    [
      'nodeport',
      vip([30443], false, [443]),
      {
        service: local('NodePort'),
        ports: { web: {}, websecure: { nodePort: 30443 } },
      },
    ],
    [
      'hostport',
      vip([8080, 8443], true),
      {
        service: { spec: { type: 'ClusterIP' } },
        updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
        ports: {
          web: { hostPort: 8080, proxyProtocol: { trustedIPs: ['192.168.0.30'] } },
          websecure: { hostPort: 8443, proxyProtocol: { trustedIPs: ['192.168.0.30'] } },
        },
      },
    ],
  ] as const) {
    const { deployment, nodeSelector, ...rest } = values(v, how)
    t.strictSame(rest, expected, how)
    t.strictSame(
      [deployment, nodeSelector],
      [{ kind: 'DaemonSet' }, { 'svccontroller.k3s.cattle.io/enablelb': 'true' }],
    )
  }
  t.end()
})

void t.test('the type of the Service has the key of the chart that comes with this K3s', t => {
  const service = (k3s_version: string, how: string) =>
    (
      parse(
        (
          traefikConfig(
            vip([30080, 30443]),
            balancers,
            vars.parse({ k3s_version, traefik_exposure: how }),
          ).spec as { valuesContent: string }
        ).valuesContent,
      ) as { service: unknown }
    ).service
  for (const [release, spec] of [
    ['v1.31.12+k3s1', false],
    ['v1.33.12+k3s1', false],
    ['v1.33.13+k3s1', true],
    ['v1.34.8+k3s1', false],
    ['v1.34.9+k3s1', true],
    ['v1.35.5+k3s1', false],
    ['v1.35.6+k3s1', true],
    ['v1.36.1+k3s1', false],
    ['v1.36.2+k3s1', true],
    ['v1.37.0+k3s1', true],
  ] as const) {
    t.strictSame(
      ['nodeport', 'hostport'].map(how => service(release, how)),
      spec
        ? [
            { spec: { type: 'NodePort', externalTrafficPolicy: 'Local' } },
            { spec: { type: 'ClusterIP' } },
          ]
        : [{ type: 'NodePort', spec: { externalTrafficPolicy: 'Local' } }, { type: 'ClusterIP' }],
      release,
    )
    t.equal(typeKey(release), spec ? 'service.spec.type' : 'service.type')
  }
  t.end()
})

void t.test('a backend of the VIP on which Traefik cannot run is an error', t => {
  for (const [how, backendPorts, problem] of [
    ['servicelb', [80, 443], undefined],
    ['servicelb', [30080, 443], /opens the ports 80 and 443 .* the VIP web has 30080/],
    ['nodeport', [30000, 32767], undefined],
    ['nodeport', [80, 32768], /opens ports from 30000 to 32767 .* has 80, 32768/],
    ['hostport', [80, 8443], undefined],
  ] as const)
    if (problem === undefined) t.equal(exposureProblem(vip(backendPorts), exposed(how)), undefined)
    else t.match(exposureProblem(vip(backendPorts), exposed(how)), problem)
  t.end()
})

void t.test('a worker that has lost its label is no reason to wait for it', t => {
  const [label, value] = INGRESS_LABEL
  const node = (name: string, labels = {}) =>
    ({ metadata: { name, labels, annotations: {} } }) as Node
  const worker = (name: string, labels?: object) =>
    ({ name, vars: labels === undefined ? {} : { k3s_node_labels: labels } }) as unknown as Host
  const web = { backends: 'workers' } as Vip
  const declared = worker('w1', { [label]: value })
  const names = (found: ReturnType<typeof labelled>) =>
    typeof found === 'string' ? found : found.map(n => n.metadata.name)
  const own = { [label]: value }
  t.strictSame(names(labelled([node('w1', own)], web, [declared])), ['w1'])
  t.strictSame(names(labelled([node('w1', own)], web, [worker('w1')])), ['w1'], 'set by hand')
  t.strictSame(names(labelled([node('w1')], web, [declared])), [], 'k3s-agent labels it')
  t.strictSame(names(labelled([node('w1', { [label]: 'false' })], web, [declared])), [])
  for (const labels of [undefined, {}, { [label]: 'false' }])
    t.match(
      names(labelled([node('w1'), node('w2', own)], web, [worker('w1', labels), worker('w2')])),
      /^w1 lack the label .*: add it to k3s_node_labels of workers$/,
    )
  t.end()
})
