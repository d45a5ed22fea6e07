// Everything of the K3s roles that needs no host: texts, parsers, versions, what an agent does, the invariants.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { Secret } from '../../lib/index.ts'
import { run } from '../../lib/testing/run.ts'
import { agentConfig } from '../../roles/k3s-agent/config.ts'
import { plan } from '../../roles/k3s-agent/plan.ts'
import { adviceOn } from '../../roles/shared/k3s/advice.ts'
import { complaintsOf, lastWord, messageOf } from '../../roles/shared/k3s/journal.ts'
import { upLongEnough } from '../../roles/k3s-server/gates.ts'
import { parseAgent } from '../../roles/shared/k3s/agent-state.ts'
import { registeredLabels } from '../../roles/shared/k3s/labels.ts'
import {
  crashWatch,
  parseMembers,
  parseNodes,
  parseState,
  parseUnit,
  STATE_SCRIPT,
  type Member,
  type NodeState,
  type ServerState,
} from '../../roles/shared/k3s/server-state.ts'
import { k3sUnit } from '../../roles/shared/k3s/unit.ts'
import { refusedStep } from '../../roles/shared/k3s/version.ts'
import { registriesYaml } from '../../roles/shared/k3s/config-yaml.ts'
import { serverConfig } from '../../roles/k3s-server/config.ts'
import { clockSkew, incomplete } from '../../roles/k3s-server/gates.ts'
import { notReady } from '../../roles/shared/k3s/serving.ts'
import { nodesAtRisk, quorumAtRisk, quorumBroken } from '../../roles/shared/k3s/invariants.ts'
import { refusedVersion } from '../../roles/k3s-server/upgrade.ts'
import { vars as serverVars } from '../../roles/k3s-server/vars.ts'
import { vars as agentVars } from '../../roles/k3s-agent/vars.ts'

const V = 'v1.36.3+k3s1'
const HASH = 'ab'.repeat(32)
const TOKENS = { k3s_token: new Secret('tok"en'), k3s_agent_token: new Secret('agent') }

void t.test('a config.yaml that somebody edited with CRLF is understood', async t => {
  const config = join(t.testdir({}), 'config.yaml')
  writeFileSync(config, 'server: https://10.0.0.1:6443\r\ncluster-init: true\r\n')
  const read = STATE_SCRIPT.split('\n').find(line => line.startsWith('sed '))
  t.ok(read)
  const script = read?.replace('/etc/rancher/k3s/config.yaml', config) ?? ''
  const { stdout } = await run(['sh', '-c', script])
  t.equal(stdout, 'seed https://10.0.0.1:6443\nfounds yes\n')
})

void t.test('config.yaml of a server', t => {
  const vars = serverVars.parse({
    ...TOKENS,
    k3s_disable: ['traefik', 'local-storage'],
    k3s_tls_san: ['k8s.example.com'],
    k3s_node_labels: { b: '1', a: '2', 'node-role.kubernetes.io/x': 'y' },
  })
  const server = {
    name: 'master1',
    address: '10.17.4.21',
    sans: ['192.168.0.32', 'a', 'a'],
    via: '10.17.4.22',
    pin: undefined,
  }
  const text = serverConfig({ ...server, clusterInit: false }, vars)
  t.equal(String(text), '‹secret›')
  const keys = text
    .reveal()
    .split('\n')
    .slice(1, -1)
    .map(line => line.split(':')[0])
  t.strictSame(keys, [...keys].sort(), 'sorted')
  t.match(parse(text.reveal()), {
    token: 'tok"en',
    'agent-token': 'agent',
    server: 'https://10.17.4.22:6443',
    'tls-san': ['192.168.0.32', 'a', 'k8s.example.com'],
    disable: ['local-storage', 'traefik'],
    'node-label': ['a=2', 'b=1'],
    'secrets-encryption': true,
    'write-kubeconfig-mode': '0600',
  })
  t.notMatch(text.reveal(), /cluster-init|node-taint/)
  t.match(parse(serverConfig({ ...server, clusterInit: false, pin: HASH }, vars).reveal()), {
    token: `K10${HASH}::server:tok"en`,
  })
  const founding = parse(serverConfig({ ...server, clusterInit: true }, vars).reveal()) as object
  t.match(founding, { 'cluster-init': true })
  t.notOk('server' in founding, 'the founder joins no server')
  t.end()
})

void t.test('config.yaml of an agent does not contain the servers’ token', t => {
  const vars = agentVars.parse({
    k3s_agent_token: TOKENS.k3s_agent_token,
    k3s_node_taints: ['dedicated=storage:NoSchedule'],
  })
  t.strictSame(
    parse(
      agentConfig(
        { name: 'storage1', address: '10.17.4.27', via: '10.17.4.21', pin: HASH },
        vars,
      ).reveal(),
    ),
    {
      'node-ip': '10.17.4.27',
      'node-name': 'storage1',
      'node-taint': ['dedicated=storage:NoSchedule'],
      server: 'https://10.17.4.21:6443',
      token: `K10${HASH}::node:agent`,
    },
  )
  t.end()
})

void t.test('variables that K3s or Kubernetes would refuse', t => {
  const wrong: readonly Record<string, unknown>[] = [
    { k3s_version: '1.36.3' },
    { k3s_version: 'latest' },
    { k3s_node_taints: ['dedicated'] },
    { k3s_node_taints: ['dedicated=:NoSchedule'] },
    { k3s_node_labels: { 'a b': 'c' } },
    { k3s_node_labels: { a: 'b c' } },
    { k3s_cluster_cidr: '10.42.0.0' },
    { k3s_disable: ['treafik'] },
    { k3s_token: 'in plain text' },
  ]
  for (const vars of wrong)
    t.notOk(serverVars.safeParse({ ...TOKENS, ...vars }).success, JSON.stringify(vars))
  t.end()
})

void t.test('labels that kubelet may not set on itself are left to the API', t => {
  t.strictSame(
    registeredLabels({
      'svccontroller.k3s.cattle.io/enablelb': 'true',
      'node-role.kubernetes.io/worker': 'true',
      'node.kubernetes.io/pool': 'a',
      'example.k8s.io/x': 'y',
      plain: '',
    }),
    ['node.kubernetes.io/pool=a', 'plain=', 'svccontroller.k3s.cattle.io/enablelb=true'],
  )
  t.end()
})

void t.test('units and registries', t => {
  t.match(
    k3sUnit('server', '/opt/bin/k3s'),
    /Type=notify\n[^]*ExecStart=\/opt\/bin\/k3s server\n[^]*KillMode=process/,
  )
  t.match(k3sUnit('agent', '/opt/bin/k3s'), /Type=exec\n[^]*ExecStart=\/opt\/bin\/k3s agent\n/)
  const registries = {
    mirrors: {},
    configs: { 'r.example': { auth: { password: new Secret('pw') } } },
  }
  t.match(parse(registriesYaml(registries).reveal()), {
    configs: { 'r.example': { auth: { password: 'pw' } } },
  })
  t.end()
})

const NODES = JSON.stringify({
  items: [
    {
      metadata: { name: 'master1', labels: { a: 'b' } },
      spec: {
        taints: [
          { key: 'k', value: 'v', effect: 'NoSchedule' },
          { key: 'x', effect: 'NoExecute' },
        ],
      },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: V },
        addresses: [
          { type: 'Hostname', address: 'master1' },
          { type: 'InternalIP', address: '10.17.4.21' },
        ],
      },
    },
    {
      metadata: { name: 'master2' },
      status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
    },
  ],
})
const MEMBERS =
  '8e9e05c52164694d, started, master1-0a1b2c3d, https://10.17.4.21:2380, https://10.17.4.21:2379, false;' +
  '91bc3c398fb3c146, unstarted, , https://10.17.4.22:2380, , true;'
const ANSWER = [
  'data yes',
  'joined yes',
  'unit NRestarts=0 ActiveState=active SubState=running ',
  'seed "https://10.17.4.22:6443"',
  `ca ${HASH}`,
  'health {"health":"true","reason":""} ',
  'ready ok',
  `members ${MEMBERS}`,
  `nodes ${NODES}`,
  '',
].join('\n')

void t.test('the state of a server', t => {
  t.equal(parseState(ANSWER).founds, false)
  t.equal(parseState(ANSWER.replace(/^seed .*/m, 'founds yes')).founds, true)
  t.match(parseState(ANSWER), {
    data: true,
    joined: true,
    seed: '10.17.4.22',
    pin: undefined,
    ca: HASH,
    healthy: true,
    members: [
      {
        id: '8e9e05c52164694d',
        name: 'master1-0a1b2c3d',
        started: true,
        address: '10.17.4.21',
        learner: false,
      },
      { name: '', started: false, address: '10.17.4.22', learner: true },
    ],
    nodes: [
      {
        name: 'master1',
        address: '10.17.4.21',
        ready: true,
        version: V,
        taints: ['k=v:NoSchedule', 'x:NoExecute'],
      },
      { name: 'master2', address: '', ready: false, version: '' },
    ],
  })
  const ailing = (from: string | RegExp, to: string): string =>
    parseState(ANSWER.replace(from, to)).problem
  t.equal(ailing('"true"', '"false"'), 'etcd is not healthy: {"health":"false","reason":""}')
  t.equal(ailing('ready ok', 'ready Error from server'), 'the API is not ready: Error from server')
  t.equal(ailing(/members .*/, 'members '), 'etcdctl does not list the members')
  t.match(
    parseState('data no\njoined no\nunit ActiveState=inactive SubState=dead NRestarts=0\nseed \n'),
    {
      data: false,
      healthy: false,
      seed: undefined,
      pin: undefined,
      ca: undefined,
      problem: 'k3s.service is inactive',
      said: '',
    },
  )
  const looping = `data yes\njoined no\nunit ActiveState=activating SubState=auto-restart NRestarts=3\nseed \nsaid time="2026" level=fatal msg="bad \\"token\\""\n`
  t.equal(parseState(looping).problem, 'k3s.service is activating: bad "token"')
  t.end()
})

void t.test('an answer that makes no sense is refused, never half believed', t => {
  const wrong: readonly string[] = [
    '',
    'data maybe\njoined no\nunit ActiveState=inactive SubState=dead NRestarts=0\nseed \n',
    'data no\njoined no\nunit inactive\nseed \n',
    ANSWER.replace('data yes', 'data yes\ndata no'),
    ANSWER.replace('seed', 'sead'),
    ANSWER.replace('8e9e05c52164694d, started', '8e9e05c52164694d; rm -rf /, started'),
    ANSWER.replace('https://10.17.4.21:2380', 'nonsense'),
    ANSWER.replace('{"items"', '{items'),
    ANSWER.replace('"name":"master1"', '"name":7'),
  ]
  for (const text of wrong)
    t.throws(() => parseState(text), { name: 'TaskError' }, JSON.stringify(text.slice(0, 60)))
  t.throws(() => parseMembers('x'), { name: 'TaskError' })
  t.throws(() => parseNodes('[]'), { name: 'TaskError' })
  t.throws(() => parseAgent('yes\n'), { name: 'TaskError' })
  t.equal(messageOf('no logrus'), 'no logrus')
  t.end()
})

void t.test(
  'a server that ends by itself once more is given up; one that did so before is not',
  t => {
    const at = (sub: string, restarts: number) => ({ active: 'activating', sub, restarts })
    const crashes = crashWatch()
    t.strictSame(
      [at('start', 7), at('auto-restart', 7), at('start', 8)].map(crashes),
      [false, false, false],
      'the first time may be one that passes',
    )
    t.ok(crashes(at('auto-restart', 8)))
    t.ok(crashWatch()({ active: 'failed', sub: 'failed', restarts: 0 }))
    const lucky = crashWatch()
    t.strictSame(
      [
        { active: 'active', sub: 'running', restarts: 0 },
        { active: 'active', sub: 'running', restarts: 1 },
        { active: 'active', sub: 'running', restarts: 2 },
      ].map(lucky),
      [false, false, true],
      'every question meets it while it is active: the number of restarts tells',
    )
    t.end()
  },
)

void t.test('how long a server has been up decides, not who started it', t => {
  const up = (unit: string) =>
    upLongEnough(parseState(ANSWER.replace(/^unit .*/m, `unit ${unit}`)), 30)
  const active = 'NRestarts=0 ActiveState=active SubState=running'
  t.equal(
    up(`${active} ActiveEnterTimestampMonotonic=5000000 Uptime=11.50`),
    'it has been up for 6 s of 30',
  )
  t.equal(up(`${active} ActiveEnterTimestampMonotonic=5000000 Uptime=35.50`), undefined)
  t.equal(up(active), 'it has been up for 0 s of 30', 'unknown is not long')
  t.equal(
    parseUnit(
      'NRestarts=0 ActiveState=activating SubState=start ActiveEnterTimestampMonotonic=1 Uptime=99',
    )?.upSeconds,
    undefined,
  )
  t.end()
})

const KUBELET =
  'E0729 10:11:12.131415    4242 kubelet.go:1703] "Failed to start ContainerManager" err="invalid kernel flag: vm/overcommit_memory"'
const HEALTHY = [
  'time="2026-07-29T10:11:12Z" level=error msg="Sending HTTP/1.1 503 response to 127.0.0.1:4711: runtime core not ready"',
  'time="2026-07-29T10:11:12Z" level=error msg="Failed to set sysctl: open /proc/sys/net/netfilter/nf_conntrack_max: permission denied"',
  'E0729 10:11:12.131415    4242 memcache.go:287] "Unhandled Error" err="couldn\'t get resource list for metrics.k8s.io/v1beta1: the server is currently unable to handle the request"',
  'E0729 10:11:12.131415    4242 kubelet.go:3117] "Container runtime network not ready" networkReady="NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"',
  'E0729 10:11:12.131415    4242 kubelet.go:2490] "Error getting node" err="node \\"m1\\" not found"',
]
const FATAL = 'time="2026-07-29T10:11:12Z" level=fatal msg="etcd: no \\"space\\" left"'
const SHUTDOWN =
  'time="2026-07-29T10:11:12Z" level=error msg="Shutdown request received: \\"kubelet exited: bad flag\\""'

void t.test('why K3s ended, among what a healthy one says too', t => {
  const said = (...lines: string[]) => lastWord(lines.map(l => `\u001e${l}`).join(''))
  t.equal(said(...HEALTHY), '')
  t.equal(
    said(...HEALTHY, KUBELET, ...HEALTHY),
    '"Failed to start ContainerManager" err="invalid kernel flag: vm/overcommit_memory"',
  )
  t.equal(said(FATAL, ...HEALTHY, 'E0729 10:11:12.1 1 x.go:1] "other"'), 'etcd: no "space" left')
  t.equal(
    said(SHUTDOWN, 'E0729 10:11:12.1 1 x.go:1] "context canceled"'),
    'Shutdown request received: "kubelet exited: bad flag"',
  )
  t.equal(said('F0729 10:11:12.1 7 main.go:1] cannot go on', 'Error: usage'), 'cannot go on')
  t.equal(said(), '')
  t.equal(messageOf('level=error msg="cut \\'), 'level=error msg="cut \\')
  t.end()
})

void t.test('complaints are those of the last try that ended, however far back', async t => {
  const noise = Array.from({ length: 400 }, (_, i) => `time="x" level=info msg="line ${i}"`)
  const journal = [
    'time="x" level=fatal msg="of an older try"',
    'k3s.service: Main process exited, code=exited, status=1/FAILURE',
    "k3s.service: Failed with result 'exit-code'.",
    'k3s.service: Scheduled restart job, restart counter is at 1.',
    ...HEALTHY,
    KUBELET,
    ...noise,
    'k3s.service: Main process exited, code=exited, status=1/FAILURE',
    "k3s.service: Failed with result 'exit-code'.",
    'Starting k3s.service - Lightweight Kubernetes (server)...',
    ...HEALTHY,
    ...noise,
  ].join('\n')
  const dir = t.testdir({ journal, bin: { journalctl: '#!/bin/sh\ncat "$JOURNAL"\n' } })
  chmodSync(join(dir, 'bin/journalctl'), 0o755)
  const answer = await run(['sh', '-c', complaintsOf('k3s')], {
    env: { PATH: `${dir}/bin:${process.env['PATH'] ?? ''}`, JOURNAL: join(dir, 'journal') },
  })
  const state = `data yes\njoined no\nunit ActiveState=activating SubState=start NRestarts=2\n${answer.stdout}`
  t.equal(
    parseState(state).problem,
    'k3s.service is activating: "Failed to start ContainerManager" err="invalid kernel flag: vm/overcommit_memory"',
  )
  const agent = parseAgent(
    `no\n\n\nActiveState=active SubState=running NRestarts=0\nsaid \u001eold\nsays \u001elevel=info msg="Waiting to retrieve agent configuration; server is not ready: failed to retrieve configuration from server: not authorized"\n`,
  )
  t.match(agent.said, /server: not authorized$/)
  t.match(
    adviceOn(agent.said, 'k3s-agent'),
    /^the token in the secrets file \(k3s_token, k3s_agent_token\)/,
  )
})

void t.test('allowed upgrades', t => {
  const table: readonly [from: string, to: string, refused: RegExp | undefined][] = [
    ['v1.36.3+k3s1', 'v1.36.3+k3s1', undefined],
    ['v1.36.3+k3s1', 'v1.36.4+k3s1', undefined],
    ['v1.36.3+k3s1', 'v1.36.3+k3s2', undefined],
    ['v1.36.9+k3s1', 'v1.37.0+k3s1', undefined],
    ['v1.36.3+k3s1', 'v1.38.0+k3s1', /skips minor versions: upgrade to v1\.37 first/],
    ['v1.36.3+k3s1', 'v2.0.0+k3s1', /skips/],
    ['v1.36.3+k3s1', 'v1.36.2+k3s1', /downgrade/],
    ['v1.36.3+k3s2', 'v1.36.3+k3s1', /downgrade/],
    ['v1.36.10+k3s1', 'v1.36.9+k3s1', /downgrade/],
    ['', 'v1.36.3+k3s1', /is not a K3s release/],
  ]
  for (const [from, to, refused] of table)
    if (refused) t.match(refusedStep(from, to), refused, `${from} → ${to}`)
    else t.equal(refusedStep(from, to), undefined, `${from} → ${to}`)
  t.end()
})

const SERVERS = ['master1', 'master2', 'master3'].map((name, i) => ({
  name,
  address: `10.17.4.2${i + 1}`,
}))
const member = (i: number, o: Partial<Member> = {}): Member => ({
  id: `a${i}`,
  name: `master${i}-x`,
  started: true,
  address: `10.17.4.2${i}`,
  learner: false,
  ...o,
})
const node = (name: string, o: Partial<NodeState> = {}): NodeState => ({
  name,
  address: '',
  ready: true,
  cordoned: false,
  version: V,
  labels: {},
  taints: [],
  ...o,
})
const down: ServerState = {
  data: true,
  joined: true,
  unit: { active: 'inactive', sub: 'dead', restarts: 0 },
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
const up = (members: readonly Member[], nodes: readonly NodeState[]): ServerState => ({
  ...down,
  healthy: true,
  problem: '',
  said: '',
  members,
  nodes,
})
const three = up(
  [member(1), member(2), member(3)],
  [node('master1'), node('master2'), node('master3'), node('worker1')],
)
const found = (...states: readonly (ServerState | string)[]) =>
  new Map(SERVERS.map((s, i) => [s.name, states[i] ?? 'unreachable']))

void t.test('etcdQuorum', t => {
  const before: readonly [
    what: string,
    states: readonly (ServerState | string)[],
    batch: string[],
    wrong: RegExp | undefined,
  ][] = [
    ['all is well', [three, three, three], ['master1'], undefined],
    ['two at once', [three, three, three], ['master1', 'master2'], /needs serial: 1/],
    [
      'another one is down',
      [three, three, down],
      ['master1'],
      /lose its quorum \(2 of 3.*master3: k3s.service is inactive.*--limit master3/,
    ],
    ['the one that is down', [three, three, down], ['master3'], undefined],
    ['another one is gone', [three, three, 'unreachable'], ['master2'], /master3: unreachable/],
    ['no cluster yet', [down, down, down], ['master1'], undefined],
    ['a host that is no server', [three, three, down], ['worker1'], undefined],
    ['one voter', [up([member(1)], [])], ['master1'], undefined],
    [
      'two voters',
      [up([member(1), member(2)], []), up([member(1), member(2)], [])],
      ['master1'],
      undefined,
    ],
    ['two voters, one down', [up([member(1), member(2)], []), down], ['master1'], /master2/],
    [
      'another one joins',
      [up([member(1), member(2), member(3, { learner: true })], []), three],
      ['master1'],
      /master3 has not joined yet/,
    ],
    [
      'the one that joins',
      [up([member(1), member(2, { learner: true })], []), down],
      ['master2'],
      undefined,
    ],
    [
      'a member of no server',
      [up([member(1), member(2), member(9)], []), three, down],
      ['master1'],
      /10\.17\.4\.29: it is not in the inventory/,
    ],
  ]
  for (const [what, states, batch, wrong] of before) {
    const answer = quorumAtRisk(SERVERS, found(...states), batch)
    if (wrong) t.match(answer, wrong, what)
    else t.equal(answer, undefined, what)
  }
  t.equal(quorumBroken(SERVERS, found(three, three, three), ['master1']), undefined)
  t.equal(
    quorumBroken(SERVERS, found(three, three, down), ['master1']),
    undefined,
    'another one’s turn comes',
  )
  t.match(
    quorumBroken(SERVERS, found(three, three, down), ['master3']),
    /master3: k3s.service is inactive/,
  )
  t.match(quorumBroken(SERVERS, found(up([member(1)], [])), ['master2']), /master2 is not a member/)
  t.match(
    quorumBroken(SERVERS, found(up([member(1), member(2, { learner: true })], [])), ['master2']),
    /does not vote yet/,
  )
  t.match(quorumBroken(SERVERS, found(down, down, down), ['master1']), /no server is healthy/)
  t.end()
})

void t.test('nodesReady', t => {
  const sick = up(
    [member(1)],
    [node('master1'), node('worker1', { ready: false }), node('worker2')],
  )
  t.equal(nodesAtRisk(found(three), ['worker1']), undefined)
  t.match(
    nodesAtRisk(found(sick), ['worker2']),
    /worker2 must not be touched while worker1 is not Ready/,
  )
  t.equal(nodesAtRisk(found(sick), ['worker1']), undefined, 'what is not Ready may be repaired')
  t.equal(nodesAtRisk(found(sick), ['worker3']), undefined, 'so may a new one come')
  t.equal(nodesAtRisk(found(down, down, down), ['worker1']), undefined)
  t.end()
})

void t.test('gates say what is missing', t => {
  t.equal(incomplete(three, '10.17.4.21'), undefined)
  t.equal(incomplete(three, '10.17.4.29'), '10.17.4.29 is not a member yet')
  t.equal(incomplete(down, '10.17.4.21'), 'k3s.service is inactive')
  const joining = up(
    [member(1), member(2, { name: '', started: false }), member(3, { learner: true })],
    [],
  )
  t.equal(
    incomplete(joining, '10.17.4.21'),
    '10.17.4.22 has not started, master3-x is still a learner',
  )
  t.equal(notReady(three, 'worker1', V), undefined)
  t.equal(notReady(three, 'worker1', 'v1.36.4+k3s1'), `worker1 runs ${V}, not v1.36.4+k3s1`)
  t.equal(notReady(three, 'worker9', V), 'there is no node worker9 yet')
  t.end()
})

void t.test('clocks that are too far apart', t => {
  const clocks = (...seconds: readonly (number | undefined)[]) =>
    seconds.map((s, i) => ({ name: `master${i + 1}`, seconds: s }))
  t.equal(clockSkew(clocks(100, 105, 103)), undefined)
  t.equal(clockSkew(clocks(100, undefined, undefined)), undefined)
  t.match(
    clockSkew(clocks(170, 100, undefined)),
    /the clock of master2 is 70 s behind that of master1/,
  )
  t.end()
})

void t.test('versions of servers that are refused', t => {
  t.equal(refusedVersion('master1', found(three), 'v1.36.4+k3s1'), undefined)
  t.match(refusedVersion('master1', found(three), 'v1.36.2+k3s1'), /master1: .*downgrade/)
  t.equal(refusedVersion('master1', found(down, down, down), 'v1.36.2+k3s1'), undefined, 'unknown')
  const alone = up([member(1)], [node('master1')])
  t.equal(refusedVersion('master2', found(alone), 'v1.37.0+k3s1'), undefined)
  t.match(refusedVersion('master2', found(alone), 'v1.38.0+k3s1'), /one minor version apart/)
  t.end()
})

void t.test('what an agent does', t => {
  const own = parseAgent(
    `yes\n"https://10.17.4.22:6443"\n${HASH}\nActiveState=active SubState=running NRestarts=0 \n`,
  )
  const fresh = parseAgent('no\n\n\nActiveState=inactive SubState=dead NRestarts=0 \n')
  const at = {
    self: 'worker1',
    address: '10.17.4.24',
    servers: SERVERS,
    version: V,
    trusts: undefined,
  }
  t.match(plan({ ...at, own, found: found(three) }), {
    seed: '10.17.4.22',
    pin: HASH,
    restarts: true,
    forget: false,
  })
  t.match(
    plan({ ...at, own: fresh, found: found(down, three) }),
    { via: { name: 'master2' }, seed: '10.17.4.22', forget: true, restarts: false },
    'a Node of an earlier life',
  )
  const refused = parseAgent(
    `no\n"https://10.17.4.21:6443"\n\nActiveState=active SubState=running NRestarts=0 \ntime=x level=error msg="401 Unauthorized"\n`.replace(
      /time=x/,
      'says time=x',
    ),
  )
  t.equal(refused.said, '401 Unauthorized')
  t.match(
    plan({ ...at, own: refused, found: found(down, three) }),
    { seed: '10.17.4.22', restarts: true },
    'it runs and is not let in: another server and another token count after a restart',
  )
  const strange = up(three.members, [node('worker1', { address: '10.17.4.99' })])
  t.match(
    plan({ ...at, own: fresh, found: found(strange) }),
    /another machine runs as the node worker1, at 10\.17\.4\.99: one machine, one name/,
  )
  t.match(plan({ ...at, own, found: found(strange) }), { restarts: true }, 'its own node moves')
  t.match(
    plan({
      ...at,
      self: 'worker8',
      own: fresh,
      found: found(up(three.members, [node('worker1', { address: at.address })])),
    }),
    /a node at 10\.17\.4\.24 already: worker1, which is Ready/,
    'it lost its disk, and was renamed in the inventory',
  )
  const [ours, theirs] = [{ ...three, ca: HASH, nodes: [] }, 'cd'.repeat(32)]
  t.match(
    plan({ ...at, own, trusts: theirs, found: found(ours) }),
    /node of another cluster, that of 10\.17\.4\.22: its kubelet trusts .* than master1.*node_replace_wipe/,
  )
  t.match(plan({ ...at, own, trusts: HASH, found: found(ours) }), { forget: false })
  t.match(
    plan({ ...at, own, trusts: theirs, found: found({ ...three, ca: HASH }) }),
    { forget: false },
    'its Node is Ready in this cluster, so the authority was renewed',
  )
  t.match(plan({ ...at, self: 'worker9', own: fresh, found: found({ ...three, ca: HASH }) }), {
    seed: '10.17.4.21',
    pin: HASH,
    forget: false,
  })
  t.match(plan({ ...at, own: fresh, found: found(down, down, down) }), {
    seed: '10.17.4.21',
    waitsFor: /no server is healthy: master1: k3s/,
  })
  t.match(
    plan({ ...at, own, found: found(three), version: 'v1.36.2+k3s1' }),
    /worker1: .*downgrade/,
  )
  t.match(plan({ ...at, own, found: found(three), version: 'v1.36.4+k3s1' }), {
    waitsFor: /must not be newer than a server/,
  })
  t.match(plan({ ...at, servers: [], own, found: new Map() }), /k3s_servers is empty/)
  t.end()
})
