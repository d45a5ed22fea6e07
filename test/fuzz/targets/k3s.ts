import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { TaskError } from '../../../lib/errors.ts'
import { parsePods } from '../../../roles/health/pods.ts'
import { parseDates } from '../../../roles/shared/k3s/certificates.ts'
import { parseHost } from '../../../roles/health/host.ts'
import { parseAgent } from '../../../roles/shared/k3s/agent-state.ts'
import { parseStart } from '../../../roles/shared/k3s/node-ready.ts'
import * as k3s from '../../../roles/shared/k3s/server-state.ts'
import { refusedStep } from '../../../roles/shared/k3s/version.ts'
import { parseNode } from '../../../roles/shared/k3s/drain.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { jsonMutants, sound } from '../json.ts'
import { mutants } from '../text.ts'
import { fact, NODES, texts } from './cluster.ts'

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
  ok(typeof found.data === 'boolean' && found.healthy === (found.problem === ''))
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
const stateNodes = target(
  'k3s/nodes',
  jsonMutants([NODES]),
  text => {
    for (const n of unlessRefused([TaskError], () => k3s.parseNodes(text)) ?? []) {
      texts([n.name, n.address, n.version, ...Object.values(n.labels), ...n.taints])
      deepStrictEqual([typeof n.ready, typeof n.cordoned], ['boolean', 'boolean'])
      sound(n)
    }
  },
  {
    examples: [
      '{"items":[{}]}',
      '{"items":[null]}',
      '{"items":[{"metadata":{"name":"a"},"status":{"conditions":false}}]}',
      '{"items":[{"metadata":{"name":"a"},"spec":{"taints":{}}}]}',
    ],
  },
)

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
const pods = target(
  'health/pods',
  jsonMutants([{ items: [POD] }]),
  text => {
    const found = unlessRefused([TaskError], () =>
      parsePods({ pods: fact(text), events: fact(text), now: 1e9, patience: 60 }),
    )
    if (!found) return
    texts(found.sickPods)
    ok(found.sickPods.length <= found.pods)
    ok(
      !found.sickPods.some(s => s.includes('undefined') || s.includes('[object')),
      found.sickPods.join(),
    )
  },
  {
    examples: [
      '{"items":[null]}',
      '{"items":[{}]}',
      '{"items":[{"metadata":{"namespace":{},"name":1}}]}',
      '{"items":[{"metadata":{"namespace":"a","name":"b"},"status":{"containerStatuses":{}}}]}',
    ],
  },
)

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
const host = target(
  'health/host',
  mutants([HOST]),
  text => {
    const found = unlessRefused([TaskError], () => parseHost(text))
    if (!found) return
    sound(found)
    ok(
      found.upSeconds >= 0 && found.memoryPercent <= 100,
      `up ${found.upSeconds}, memory ${found.memoryPercent}`,
    )
    texts([...Object.values(found.units), ...found.pending, ...found.failedUnits])
  },
  { examples: ['up 1\nmemory 1\nowed a/%zz\n', 'up -1\nmemory 1\n', 'up 1\nmemory 1e999\n'] },
)

const drainNode = target(
  'maintenance/node',
  jsonMutants([
    { metadata: { annotations: { 'fmc.io/cordoned': 'yes' } }, spec: { unschedulable: true } },
  ]),
  text => {
    const found = unlessRefused([TaskError], () => parseNode(fact(text)))
    if (found) deepStrictEqual([typeof found.cordoned, typeof found.ours], ['boolean', 'boolean'])
  },
  {
    examples: [
      '{"metadata":{},"spec":{"unschedulable":[true,true]}}',
      '{"metadata":{},"spec":{"unschedulable":"false"}}',
    ],
  },
)

export const k3sAnswers: readonly Target[] = [
  ...[states, stateNodes, agent, start, versions, pods, dates, host, drainNode],
]
