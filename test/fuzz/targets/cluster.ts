import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { TaskError } from '../../../lib/errors.ts'
import { illness } from '../../../roles/addons/ready.ts'
import { deployed, differences, readCharts, released } from '../../../roles/cluster/charts.ts'
import type { KubernetesObject } from '../../../roles/cluster/chart.ts'
import { isReady, marking, readNodes } from '../../../roles/cluster/nodes.ts'
import { readWorkloads, unready } from '../../../roles/cluster/workloads.ts'
import { parseDates, parsePods } from '../../../roles/health/cluster.ts'
import { parseHost } from '../../../roles/health/host.ts'
import { parseAgent } from '../../../roles/k3s-agent/state.ts'
import { parseStart } from '../../../roles/k3s-common/back.ts'
import * as k3s from '../../../roles/k3s-common/state.ts'
import { refusedStep } from '../../../roles/k3s-common/version.ts'
import { holds, readLonghorn, sickNode, sickVolumes } from '../../../roles/longhorn/health.ts'
import { parseNode } from '../../../roles/maintenance/drain.ts'
import { lastCopies } from '../../../roles/remove/copies.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { jsonMutants, sound } from '../json.ts'
import { mutants, nasty } from '../text.ts'

const fact = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr })
const texts = (all: readonly unknown[]): void =>
  ok(
    all.every(s => typeof s === 'string'),
    'no text',
  )

const META = {
  name: 'n1',
  namespace: 'kube-system',
  labels: { a: 'b' },
  annotations: {},
  generation: 2,
}
const NODE = {
  metadata: META,
  spec: { unschedulable: false, taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { kubeletVersion: 'v1.36.3+k3s1' },
    addresses: [{ type: 'InternalIP', address: '10.17.4.21' }],
  },
}
const NODES = { items: [NODE, { metadata: { name: 'n2' } }] }

/** Kubernetes' lists as JSON: facts of the right types, or why there are none. */
const nodes = target('cluster/nodes', jsonMutants([NODES]), text => {
  const found = readNodes(fact(text))
  if (typeof found === 'string') return
  for (const n of found)
    deepStrictEqual([typeof n.metadata.name, typeof isReady(n)], ['string', 'boolean'])
  const wanted = { title: 't', nodes: ['n1', 'n9'], labels: { a: 'b', __proto__x: 'y' } }
  for (const { what, script } of marking(wanted, found)) texts([what, script])
})

const CHART: KubernetesObject = {
  apiVersion: 'helm.cattle.io/v1',
  kind: 'HelmChart',
  metadata: { name: 'longhorn', namespace: 'kube-system' },
  spec: { version: '1.10.0', valuesContent: 'a: b\n' },
}
const CONDITION = { type: 'Complete', status: 'True', message: 'm' }
const CHART_LIST = {
  items: [
    CHART,
    {
      kind: 'Job',
      metadata: { name: 'helm-install-longhorn' },
      status: { conditions: [CONDITION] },
    },
  ],
}
const charts = target('cluster/charts', jsonMutants([CHART_LIST]), text => {
  const found = readCharts(fact(text))
  if (typeof found === 'string') return
  texts([...differences(CHART, found), ...released('longhorn', found)])
  const answer = deployed([CHART], found)
  ok(answer === true || typeof answer === 'string')
  // Only a job that says so has installed a chart.
  if (answer === true) ok(text.includes('Complete') && text.includes('helm-install-longhorn'))
})

const STATUS = {
  observedGeneration: 2,
  replicas: 1,
  updatedReplicas: 1,
  readyReplicas: 1,
  availableReplicas: 1,
}
const WORKLOADS = {
  items: [
    { kind: 'Deployment', metadata: META, spec: { replicas: 1 }, status: STATUS },
    {
      kind: 'DaemonSet',
      metadata: META,
      status: { desiredNumberScheduled: 1, numberAvailable: 1 },
    },
  ],
}
const workloads = target('cluster/workloads', jsonMutants([WORKLOADS]), text => {
  const found = readWorkloads(fact(text))
  if (typeof found === 'string') return
  sound(found)
  texts(unready(found))
})

const SERVED = [
  {
    kind: 'Kafka',
    metadata: { name: 'k' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  },
]
const served = target(
  'cluster/served',
  nasty(2),
  health => {
    const items = [{ kind: 'Kibana', metadata: { name: 'k' }, status: { health, conditions: [] } }]
    const object = { ...CHART, kind: 'Kibana', metadata: { name: 'k', namespace: 'x' } }
    deepStrictEqual(illness(object, items as never).length, /^(green|yellow)$/.test(health) ? 0 : 1)
    deepStrictEqual(illness({ ...object, kind: 'Kafka' }, SERVED as never), [])
  },
  { weight: 0.2 },
)

const VOLUME = {
  kind: 'Volume',
  metadata: { name: 'pvc-1' },
  status: {
    state: 'attached',
    robustness: 'healthy',
    kubernetesStatus: { namespace: 'a', pvcName: 'b' },
  },
}
const LONGHORN_NODE = {
  kind: 'Node',
  metadata: { name: 'n1' },
  spec: {
    allowScheduling: true,
    disks: { d: { path: '/var/lib/longhorn', allowScheduling: true } },
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Schedulable', status: 'True' },
    ],
    diskStatus: { d: { conditions: [{ type: 'Ready', status: 'True' }] } },
  },
}
const LONGHORN = { items: [VOLUME, LONGHORN_NODE] }
const longhorn = target('longhorn/health', jsonMutants([LONGHORN]), text => {
  const found = readLonghorn(fact(text))
  ok(found !== 'none')
  for (const when of ['before', 'after'] as const) {
    const answer = holds(found, when, ['n1', 'n2'])
    ok(answer === true || (typeof answer === 'string' && answer !== ''))
  }
  if ('problem' in found) return
  texts([...sickVolumes(found), ...sickNode('n1', found)])
})

const COPIES = { items: [{ spec: { volumeName: 'v1', nodeID: 'n1', failedAt: '' } }] }
const copies = target('longhorn/copies', jsonMutants([COPIES]), text => {
  const answer = lastCopies('n1', fact(text))
  ok(answer === true || typeof answer === 'string')
})

const HASH = 'a'.repeat(64)
const STATE = `data yes
joined yes
unit ActiveState=active SubState=running NRestarts=0
seed "https://10.17.4.21:6443"
pin ${HASH}
ca ${HASH}
health {"health":"true","reason":""}
ready ok
members 8e9e05c52164694d, started, n1-12ab, https://10.17.4.21:2380, https://10.17.4.21:2379, false;
nodes ${JSON.stringify(NODES)}
`
const STOPPED =
  'data no\njoined no\nunit ActiveState=failed SubState=failed NRestarts=3\nsaid level=fatal msg="no \\"token\\""\n'
const STATES = [STATE, k3s.STATE_WHEN_NEW, STOPPED]
const state = (text: string): void => {
  const found = unlessRefused([TaskError], () => k3s.parseState(text))
  if (found === undefined) return
  sound(found)
  ok(typeof found.data === 'boolean' && found.healthy === (found.ailment === ''))
  ok(found.healthy || (found.members.length === 0 && found.nodes.length === 0))
  ok(found.seed === undefined || /^[\d.]+$/.test(found.seed))
  for (const hash of [found.pin, found.ca]) ok(hash === undefined || /^[0-9a-f]{64}$/.test(hash))
  for (const n of found.nodes) {
    texts([n.name, n.address, n.version, ...Object.values(n.labels), ...n.taints])
    deepStrictEqual([typeof n.ready, typeof n.cordoned], ['boolean', 'boolean'])
  }
}
const states = target('k3s/state', mutants(STATES), state, {
  guided: { seeds: STATES, holds: state },
})
const stateNodes = target('k3s/nodes', jsonMutants([NODES]), text => {
  for (const n of unlessRefused([TaskError], () => k3s.parseNodes(text)) ?? []) {
    texts([n.name, n.address, n.version, ...Object.values(n.labels), ...n.taints])
    deepStrictEqual([typeof n.ready, typeof n.cordoned], ['boolean', 'boolean'])
    sound(n)
  }
})

const AGENTS = [
  `yes\n"https://10.17.4.21:6443"\n${HASH}\nActiveState=active SubState=running NRestarts=0\n`,
]
const agent = target('k3s/agent', mutants(AGENTS), text => {
  const found = unlessRefused([TaskError], () => parseAgent(text))
  if (found) sound(found)
})

const START =
  'ActiveState=active\nExecMainStartTimestampMonotonic=1234567\n100.25\n1700000000.123456789\n'
const start = target('k3s/start', mutants([START]), text => {
  const found = unlessRefused([TaskError], () => parseStart(text))
  if (found) sound(found)
})

const versions = target(
  'k3s/version',
  fc.tuple(mutants(['v1.36.3+k3s1']), mutants(['v1.37.0+k3s2'])),
  ([a, b]) => {
    const why = refusedStep(a, b)
    ok(why === undefined || why !== '')
    if (why === undefined)
      ok(/^v\d+\.\d+\.\d+\+k3s\d+$/.test(a) && /^v\d+\.\d+\.\d+\+k3s\d+$/.test(b))
  },
)

const POD = {
  metadata: { namespace: 'a', name: 'p' },
  spec: { nodeName: 'n1' },
  status: {
    phase: 'Running',
    containerStatuses: [{ ready: true, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
  },
}
const pods = target('health/pods', jsonMutants([{ items: [POD] }]), text => {
  const found = unlessRefused([TaskError], () => parsePods(fact(text)))
  if (!found) return
  texts(found.sickPods)
  ok(found.sickPods.length <= found.pods)
  ok(
    !found.sickPods.some(s => s.includes('undefined') || s.includes('[object')),
    found.sickPods.join(),
  )
})

const DATES = [
  'certificate 1800000000\ncertificate 1790000000\nnow 1700000000\nsnapshot 1699990000\n',
]
const dates = target('health/dates', mutants(DATES), text => {
  const found = unlessRefused([TaskError], () => parseDates(fact(text)))
  if (found) sound(found)
})

const HOST = `up 1234.5
failed x.service
disk 12% /
disk 90% /var/lib a
memory 43
reboot
owed haproxy-keepalived/reload%20haproxy
lock play site since 10:00
unit sshd active
`
const host = target('health/host', mutants([HOST]), text => {
  const found = unlessRefused([TaskError], () => parseHost(text))
  if (!found) return
  sound(found)
  ok(
    found.upSeconds >= 0 && found.memoryPercent <= 100,
    `up ${found.upSeconds}, memory ${found.memoryPercent}`,
  )
  texts([...Object.values(found.units), ...found.owed, ...found.failedUnits])
})

const drainNode = target(
  'maintenance/node',
  jsonMutants([
    { metadata: { annotations: { 'fmc.io/cordoned': 'yes' } }, spec: { unschedulable: true } },
  ]),
  text => {
    const found = unlessRefused([TaskError], () => parseNode(fact(text)))
    if (found) deepStrictEqual([typeof found.cordoned, typeof found.ours], ['boolean', 'boolean'])
  },
)

export const clusters: readonly Target[] = [
  ...[
    nodes,
    charts,
    workloads,
    served,
    longhorn,
    copies,
    states,
    stateNodes,
    agent,
    start,
    versions,
  ],
  ...[pods, dates, host, drainNode],
]
