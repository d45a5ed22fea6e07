import { deepStrictEqual, ok } from 'node:assert/strict'
import { illness } from '../../../roles/addons/ready.ts'
import { standing } from '../../../roles/shared/kubernetes/chart-gate.ts'
import { differences, find, jobOf, readCharts } from '../../../roles/shared/kubernetes/charts.ts'
import { readTries } from '../../../roles/shared/kubernetes/helm-pods.ts'
import { CONFIG_HASH, readReleases } from '../../../roles/shared/kubernetes/releases.ts'
import type { KubernetesObject } from '../../../roles/shared/kubernetes/chart.ts'
import { isReady, marking, readNodes } from '../../../roles/shared/kubernetes/nodes.ts'
import { readWorkloads, unready } from '../../../roles/shared/kubernetes/workloads.ts'
import { holds, readLonghorn, sickNode, sickVolumes } from '../../../roles/longhorn/health.ts'
import { lastCopies } from '../../../roles/remove/copies.ts'
import { target, type Target } from '../harness.ts'
import { jsonMutants, sound } from '../json.ts'
import { nasty } from '../text.ts'

/** What a command printed. */
export const fact = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr })
export const texts = (all: readonly unknown[]): void =>
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
export const NODES = { items: [NODE, { metadata: { name: 'n2' } }] }

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
      spec: { template: { metadata: { annotations: { [CONFIG_HASH]: 'SHA256=AB' } } } },
      status: { conditions: [CONDITION] },
    },
  ],
}
const charts = target('cluster/charts', jsonMutants([CHART_LIST]), text => {
  const found = readCharts(fact(text))
  if (typeof found === 'string') return
  texts(differences(CHART, found))
  const [chart, job] = [find(found, 'HelmChart', 'longhorn'), jobOf(found, 'longhorn')]
  if (!chart) return
  const releases = [{ revision: 1, status: 'deployed', hash: 'AB' }]
  const { missing } = standing('longhorn', chart, { job, releases, tries: { failures: 0 } })
  // Only a job with the release's hash has installed a chart.
  if (missing === undefined) ok(text.includes('AB') && text.includes('helm-install-longhorn'))
  else texts([missing])
})

const JOB = { kind: 'Job', metadata: { name: 'helm-install-longhorn' } }
const HELM_POD = {
  metadata: { name: 'helm-install-longhorn-x', labels: {}, creationTimestamp: '2026' },
  status: {
    conditions: [{ type: 'PodScheduled', status: 'False', message: 'm' }],
    containerStatuses: [
      {
        restartCount: 2,
        state: { waiting: { reason: 'ImagePullBackOff', message: 'm' } },
        lastState: { terminated: { exitCode: 1, reason: 'Error', message: 'm' } },
      },
    ],
  },
}
const helmPods = target('cluster/helm-pods', jsonMutants([{ items: [HELM_POD] }]), text => {
  const tries = readTries(fact(text), JOB)
  if (typeof tries === 'string') return
  ok(tries.failures >= 0)
  texts([tries.said ?? '', tries.waits ?? '', tries.pod?.name ?? ''])
})

/** kubectl's table of helm's Secrets. */
const releases = target('cluster/releases', nasty(3), text => {
  const found = readReleases(fact(text), 'app', 'app')
  if (typeof found === 'string') return
  for (const r of found) deepStrictEqual([typeof r.revision, typeof r.hash], ['number', 'string'])
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

export const clusters: readonly Target[] = [
  nodes,
  charts,
  helmPods,
  releases,
  workloads,
  served,
  longhorn,
  copies,
]
