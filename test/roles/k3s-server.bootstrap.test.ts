// The decision table of roles/k3s-server/bootstrap.ts: no host, every combination that counts.
import t from 'tap'
import { nextStep, type Step } from '../../roles/k3s-server/bootstrap.ts'
import type { Member, NodeState, ServerState } from '../../roles/shared/k3s/server-state.ts'

const NAMES = ['master1', 'master2', 'master3'] as const
type Name = (typeof NAMES)[number]
const address = (name: string): string => `10.17.4.2${name.slice(-1)}`
const servers = NAMES.map(name => ({ name, address: address(name) }))

const member = (name: string, o: Partial<Member> = {}): Member => ({
  id: `${name.slice(-1)}abc`,
  name: `${name}-0a1b2c3d`,
  started: true,
  address: address(name),
  learner: false,
  ...o,
})
const node = (name: string): NodeState => ({
  name,
  address: address(name),
  ready: true,
  cordoned: false,
  version: 'v1.36.3+k3s1',
  labels: {},
  taints: [],
})

const unit = (active: string) => ({ active, sub: 'x', restarts: 0 })
const fresh: ServerState = {
  data: false,
  joined: false,
  unit: unit('inactive'),
  seed: undefined,
  founds: false,
  pin: undefined,
  ca: undefined,
  healthy: false,
  problem: 'k3s.service is inactive',
  said: '',
  members: [],
  nodes: [],
}
const wiped: ServerState = { ...fresh, joined: true }
const stopped: ServerState = { ...fresh, data: true, joined: true }
const starting: ServerState = {
  ...stopped,
  unit: unit('activating'),
  problem: 'k3s.service is activating',
  said: '',
}
const sick: ServerState = {
  ...stopped,
  unit: unit('active'),
  problem: 'etcd is not healthy: no leader',
  said: '',
}
const founder: ServerState = { ...starting, founds: true }
const healthy = (
  members: readonly Member[],
  nodes = members.map(m => m.name.slice(0, 7)),
): ServerState => ({
  ...sick,
  healthy: true,
  problem: '',
  said: '',
  members,
  nodes: nodes.filter(n => n !== '').map(node),
})
const ALL = NAMES.map(n => member(n))
const up = healthy(ALL)

type Kind = Step['kind']
/** What one server does, as a word or two: kind, whom it joins by, whether it waits. */
const say = (step: Step): string =>
  [
    step.kind,
    step.kind === 'join' || step.kind === 'rebuild' ? `via ${step.via.name}` : '',
    step.kind === 'rebuild'
      ? ['node', 'member', 'stale'].filter(k => step[k as 'node' | 'member' | 'stale']).join('+')
      : '',
    step.kind === 'run' && step.woken ? 'woken' : '',
    step.kind === 'run' && step.wake.length > 0 ? `wake ${step.wake.join('+')}` : '',
    step.kind === 'bootstrap' && step.begun ? 'begun' : '',
    'waitsFor' in step ? 'waits' : '',
  ]
    .filter(Boolean)
    .join(' ')

const step = (
  states: readonly (ServerState | string)[],
  self: Name,
  o: { remains?: string; newCluster?: boolean } = {},
): Step =>
  nextStep({ self, servers, found: new Map(NAMES.map((n, i) => [n, states[i] ?? fresh])), ...o })

const TABLE: readonly [
  what: string,
  states: readonly (ServerState | string)[],
  steps: readonly string[],
][] = [
  [
    'nothing anywhere',
    [fresh, fresh, fresh],
    ['bootstrap', 'join via master1 waits', 'join via master1 waits'],
  ],
  [
    'a founded cluster',
    [healthy([member('master1')]), fresh, fresh],
    ['run', 'join via master1', 'join via master1'],
  ],
  [
    'two of three',
    [healthy(ALL.slice(0, 2)), healthy(ALL.slice(0, 2)), fresh],
    ['run', 'run', 'join via master1'],
  ],
  ['all is well', [up, up, up], ['run', 'run', 'run']],
  ['one stopped', [up, stopped, up], ['run', 'run', 'run']],
  ['one cannot be reached', [up, 'unreachable', up], ['run', 'stop', 'run']],
  ['the first lost its disk', [wiped, up, up], ['rebuild via master2 node+member', 'run', 'run']],
  ['the last lost its disk', [up, up, wiped], ['run', 'run', 'rebuild via master1 node+member']],
  [
    'its member is gone already, its Node is not',
    [up, healthy(ALL.slice(0, 2), [...NAMES]), fresh].map((s, i) =>
      i === 0 ? healthy(ALL.slice(0, 2), [...NAMES]) : s,
    ),
    ['run', 'run', 'rebuild via master1 node'],
  ],
  [
    'its Node is gone already, its member is not',
    [healthy(ALL, ['master1', 'master2']), healthy(ALL, ['master1', 'master2']), fresh],
    ['run', 'run', 'rebuild via master1 member'],
  ],
  [
    'killed after it was added and before it wrote anything',
    [
      healthy([member('master1'), member('master2', { name: '', started: false })], ['master1']),
      fresh,
      fresh,
    ],
    ['run', 'rebuild via master1 member', 'join via master1 waits'],
  ],
  [
    'killed as a learner with data',
    [
      healthy([member('master1'), member('master2', { learner: true })], ['master1']),
      stopped,
      fresh,
    ],
    ['run', 'run', 'join via master1 waits'],
  ],
  [
    'taken out of the cluster, with its data',
    [healthy(ALL.slice(0, 2)), healthy(ALL.slice(0, 2)), stopped],
    ['run', 'run', 'rebuild via master1 stale'],
  ],
  [
    'the founder was killed while founding',
    [stopped, fresh, fresh],
    ['run', 'join via master1 waits', 'join via master1 waits'],
  ],
  [
    'the runner was killed while the founder founds',
    [founder, fresh, fresh],
    ['bootstrap begun', 'join via master1 waits', 'join via master1 waits'],
  ],
  [
    'the same, seen a moment before etcd has a leader',
    [{ ...sick, founds: true }, fresh, fresh],
    ['bootstrap begun', 'join via master1 waits', 'join via master1 waits'],
  ],
  [
    'it is no founder, and the others have new disks',
    [starting, fresh, fresh],
    ['run waits', 'stop', 'stop'],
  ],
  ['a founder, and one has been a node', [founder, wiped, fresh], ['run waits', 'stop', 'stop']],
  [
    'a founder, and one cannot be asked',
    [founder, 'unreachable', fresh],
    ['run waits', 'stop', 'stop'],
  ],
  [
    'all were stopped',
    [stopped, stopped, stopped],
    ['run wake master2+master3', 'run woken waits', 'run woken waits'],
  ],
  [
    'quorum lost, one could be started',
    [sick, stopped, wiped],
    ['run waits', 'run', 'join via master1 waits'],
  ],
  ['quorum lost for good', [sick, wiped, wiped], ['run waits', 'stop', 'stop']],
  ['one is starting, the others are lost', [starting, wiped, fresh], ['run waits', 'stop', 'stop']],
  ['all are starting', [starting, starting, starting], ['run waits', 'run waits', 'run waits']],
  ['no data, one cannot be asked', [fresh, fresh, 'unreachable'], ['stop', 'stop', 'stop']],
  ['no data, but one has been a node', [fresh, wiped, fresh], ['stop', 'stop', 'stop']],
  ['every disk is lost', [wiped, wiped, wiped], ['stop', 'stop', 'stop']],
  [
    'two clusters',
    [healthy([member('master1')]), healthy([member('master2', { id: 'ffff' })]), fresh],
    ['stop', 'stop', 'stop'],
  ],
]

void t.test('what each server does', t => {
  for (const [what, states, steps] of TABLE)
    NAMES.forEach((name, i) => t.equal(say(step(states, name)), steps[i], `${what}: ${name}`))
  t.end()
})

void t.test('traces of a cluster prevent a new one, unless k3s_new_cluster allows it', t => {
  const founded = (o: object): Kind => step([fresh, fresh, fresh], 'master1', o).kind
  t.equal(founded({ remains: 'worker1 has been a node of one' }), 'stop')
  t.equal(founded({ remains: 'worker1 has been a node of one', newCluster: true }), 'bootstrap')
  t.equal(step([wiped, wiped, wiped], 'master1', { newCluster: true }).kind, 'bootstrap')
  t.match(step([fresh, fresh, fresh], 'master1', { remains: 'worker1 has been a node of one' }), {
    why: /there has been a cluster: worker1/,
    hint: /etcd-restore.*k3s_new_cluster=true/,
  })
  t.end()
})

void t.test('a Node of its name that is another machine is not deleted', t => {
  const at = (where: string, ready: boolean): ServerState => ({
    ...healthy(ALL.slice(0, 2)),
    nodes: [
      ...ALL.slice(0, 2).map(m => node(m.name.slice(0, 7))),
      { ...node('master3'), address: where, ready },
    ],
  })
  const master3 = (where: string, ready: boolean, own = fresh): Step =>
    step([at(where, ready), at(where, ready), own], 'master3')
  t.match(master3('10.17.4.99', true), {
    kind: 'stop',
    why: 'another machine runs as the node master3, at 10.17.4.99',
  })
  t.equal(master3('10.17.4.99', false).kind, 'rebuild', 'a dead one does not count')
  t.equal(master3('10.17.4.23', true).kind, 'rebuild', 'itself, wiped a moment ago')
  t.equal(master3('', true).kind, 'rebuild')

  const renamed = healthy(ALL.slice(0, 2), ['master1', 'master2'])
  const withIts = (n: Partial<NodeState>): ServerState => ({
    ...renamed,
    nodes: [...renamed.nodes, { ...node('k3s-3'), address: '10.17.4.23', ...n }],
  })
  const joins = (n: Partial<NodeState>): Step => step([withIts(n), withIts(n), fresh], 'master3')
  t.match(joins({}), {
    kind: 'stop',
    why: /a node at 10\.17\.4\.23 already: k3s-3, which is Ready/,
  })
  t.equal(joins({ ready: false }).kind, 'join', 'a dead one does not count')
  t.end()
})

void t.test('data of another cluster is not set aside as if it were of a removed member', t => {
  const [ca, other] = ['ab'.repeat(32), 'cd'.repeat(32)]
  const cluster = { ...healthy(ALL.slice(0, 2)), ca }
  const master3 = (own: Partial<ServerState>): Step =>
    step([cluster, cluster, { ...stopped, ...own }], 'master3')
  t.match(master3({ ca: other }), {
    kind: 'stop',
    why: /master3 has the data of another cluster than master1/,
    hint: /node-replace --limit master3 -e node_replace_wipe=true/,
  })
  t.equal(master3({ ca }).kind, 'rebuild')
  t.equal(master3({}).kind, 'rebuild', 'its authority is unknown')
  t.end()
})

/** Every combination of what three servers can be in: the promises that no table row may break. */
void t.test('no combination founds a second cluster, or forgets a server that serves', t => {
  const partial = healthy(ALL.slice(0, 2))
  const single = healthy([member('master1')])
  const kinds = {
    fresh,
    wiped,
    stopped,
    starting,
    founder,
    sick,
    up,
    partial,
    single,
    unreachable: 'unreachable',
  }
  const all = Object.values(kinds)
  const broken: string[] = []
  for (const a of all)
    for (const b of all)
      for (const c of all)
        for (const self of NAMES) {
          const states = [a, b, c]
          const result = step(states, self)
          const own = states[NAMES.indexOf(self)]
          const told = `${states.map(s => Object.entries(kinds).find(([, k]) => k === s)?.[0]).join(' ')}: ${self}: ${say(result)}`
          const known = states.filter(s => typeof s === 'object')
          const begun = result.kind === 'bootstrap' && result.begun === true
          if (
            result.kind === 'bootstrap' &&
            (begun
              ? own !== founder || states.filter(s => s !== fresh).length > 1
              : self !== 'master1' || states.some(s => s !== fresh))
          )
            broken.push(`founds: ${told}`)
          if (
            result.kind === 'rebuild' &&
            (typeof own !== 'object' || own.healthy || !known.some(s => s.healthy))
          )
            broken.push(`forgets: ${told}`)
          if (
            (result.kind === 'join' || result.kind === 'rebuild') &&
            result.via.name === self &&
            typeof own === 'object' &&
            !own.data &&
            known.some(s => s.data)
          )
            broken.push(`joins itself: ${told}`)
          if (result.kind === 'join' && !('waitsFor' in result) && !known.some(s => s.healthy))
            broken.push(`joins nothing: ${told}`)
        }
  t.strictSame(broken, [])
  t.end()
})

void t.test(
  'a server keeps the seed that its config names, as long as that is another server',
  t => {
    const via = (seed: string | undefined): string | undefined => {
      const s = step([{ ...up, seed }, up, up], 'master1')
      return s.kind === 'run' ? s.via?.name : undefined
    }
    t.equal(via('10.17.4.23'), 'master3')
    t.equal(via('10.17.4.21'), 'master2', 'not itself')
    t.equal(via('10.17.4.99'), 'master2', 'not one that is gone')
    t.equal(via(undefined), 'master2', 'founded: the first other one')
    t.end()
  },
)
