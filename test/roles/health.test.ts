import t from 'tap'
import type { Host, Inventory } from '../../lib/inventory/types.ts'
import { pageLines } from '../../lib/report/page.ts'
import { noColor } from '../../lib/report/style.ts'
import { parseSnapshots, type ServerHealth } from '../../roles/health/cluster.ts'
import { parsePods } from '../../roles/health/pods.ts'
import { parseDates } from '../../roles/shared/k3s/certificates.ts'
import type { Cloud } from '../../roles/health/checks/cloud.ts'
import { diagnose, page } from '../../roles/health/diagnose.ts'
import { parseHost, skew, type HostState } from '../../roles/health/host.ts'
import type { Seen } from '../../roles/health/index.ts'
import { parseAnswers } from '../../roles/health/network.ts'
import { vars } from '../../roles/health/vars.ts'

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  k3s_servers: ['m1', 'm2', 'm3'],
  k3s_agents: ['w1'],
  loadbalancers: ['l1', 'l2'],
  databases: ['db'],
}
const NAMES = Object.values(GROUPS).flat()
const API = {
  name: 'api',
  address: '10.0.0.9',
  ports: [6443],
  backends: 'k3s_servers',
  check: 'k3s',
  balancers: 'loadbalancers',
}

const member = (name: string) => ({ id: name, name, started: true, address: name, learner: false })
const node = (name: string, more = {}) => ({
  name,
  address: name,
  ready: true,
  cordoned: false,
  version: 'v1',
  labels: {},
  taints: [],
  ...more,
})

const server = (more: Partial<ServerHealth> = {}, state = {}): ServerHealth => ({
  state: {
    data: true,
    joined: true,
    unit: { active: 'active', sub: 'running', restarts: 0 },
    seed: undefined,
    founds: false,
    pin: undefined,
    ca: undefined,
    healthy: true,
    problem: '',
    said: '',
    members: ['m1', 'm2', 'm3'].map(member),
    nodes: ['m1', 'm2', 'm3', 'w1'].map(n => node(n)),
    ...state,
  },
  certificateDays: 300,
  snapshotHours: 2,
  snapshots: { fmc: 5, scheduled: 21 },
  sickPods: [],
  pods: 4,
  sickVolumes: [],
  volumes: 3,
  unasked: [],
  ...more,
})

const machine = (more: Partial<HostState> = {}): HostState => ({
  upSeconds: 1000,
  skewSeconds: 0,
  failedUnits: [],
  units: {},
  disks: [{ mount: '/', percent: 40 }],
  memoryPercent: 50,
  wantsReboot: false,
  rebootsItself: false,
  pending: [],
  lockedBy: undefined,
  ...more,
})

const seen = (name: string): Seen => ({
  host: machine(name === 'db' ? { units: { 'postgresql@*': 'active' } } : {}),
  server: name.startsWith('m') ? server() : undefined,
  balancer: name.startsWith('l')
    ? {
        configured: true,
        keepalived: true,
        haproxy: true,
        addresses: name === 'l1' ? ['10.0.0.9'] : [],
      }
    : undefined,
  answers: name === 'w1' || name === 'db' ? { '10.0.0.9:6443': 401 } : {},
  vars: vars.parse({}),
})

/** A sound cloud, but for what is said; a string: the host is lost for that reason. */
const cloud = (but: Readonly<Record<string, Partial<Seen> | string>> = {}): Cloud => ({
  domain: 'x.internal',
  hosts: NAMES.map(
    name => ({ name, address: `10.0.0.${name}`, vmOn: 'kvm', vars: {} }) as unknown as Host,
  ),
  vips: [API as never],
  in: group => GROUPS[group] ?? [],
  all: group => GROUPS[group] ?? [],
  of: name => {
    const change = but[name]
    return typeof change === 'string' ? undefined : { ...seen(name), ...change }
  },
  lost: new Map(Object.entries(but).flatMap(([n, c]) => (typeof c === 'string' ? [[n, c]] : []))),
})

const wrong = (c: Cloud): string[] =>
  diagnose(c).findings.flatMap(f => (f.level === 'fine' ? [] : [`${f.level}: ${f.text}`]))

const said = (stdout: string, code = 0) => ({ code, stdout, stderr: code === 0 ? '' : 'why' })

void t.test('a sound cloud', t => {
  const page = diagnose(cloud())
  t.equal(page.title, 'Health of x.internal: all is well')
  t.strictSame(wrong(cloud()), [])
  t.ok(page.findings.length > 5 && page.findings.length < 12, 'fine in a few lines')
  t.end()
})

const dead = {
  state: {
    ...server().state,
    healthy: false,
    problem: 'k3s.service is failed',
    said: '',
    members: [],
    nodes: [],
  },
}

const CASES: readonly [string, Record<string, Partial<Seen> | string>, readonly RegExp[]][] = [
  ['a server without power', { m2: 'timed out' }, [/^degraded: m2 .* does not answer$/]],
  [
    'a server that does not run',
    { m2: { server: server(dead) } },
    [/^degraded: etcd: 2 of 3 servers work; the next one that fails stops the cluster$/],
  ],
  [
    'no quorum',
    { m1: 'x', m2: 'x', m3: { server: server(dead) } },
    [/^broken: K3s: no server works \(etcd needs 2 of 3\)/, /^degraded: m1/, /^degraded: m2/],
  ],
  [
    'a learner',
    {
      m1: {
        server: server(
          {},
          { members: [...server().state.members.slice(0, 2), { ...member('m3'), learner: true }] },
        ),
      },
    },
    [/^degraded: etcd: 3 of 3 servers work/],
  ],
  [
    'a member too many',
    { m1: { server: server({}, { members: ['m1', 'm2', 'm3', 'gone'].map(member) }) } },
    [/^degraded: etcd has 4 members, the inventory 3/],
  ],
  [
    'two holders',
    {
      l2: {
        balancer: { configured: true, keepalived: true, haproxy: true, addresses: ['10.0.0.9'] },
      },
    },
    [/^broken: api: l1, l2 both hold 10\.0\.0\.9/],
  ],
  [
    'no balancer',
    { l1: 'x', l2: 'x', w1: { answers: { '10.0.0.9:6443': 0 } }, db: { answers: {} } },
    [/^broken: api: no balancer that answers holds/, /^degraded: l1/, /^degraded: l2/],
  ],
  [
    'no answer on the VIP',
    { w1: { answers: { '10.0.0.9:6443': 0 } }, db: { answers: { '10.0.0.9:6443': 503 } } },
    [/^broken: api: no answer on 10\.0\.0\.9/],
  ],
  [
    'a balancer that could not take over',
    { l2: { balancer: { configured: true, keepalived: false, haproxy: true, addresses: [] } } },
    [/^degraded: api: l1 holds it, and l2 could not take over$/],
  ],
  [
    'the database',
    { db: { host: machine({ units: { 'postgresql@*': 'failed' } }) } },
    [/^broken: db: the database is down: postgresql is failed$/],
  ],
  [
    'a node',
    {
      m1: {
        server: server(
          {},
          { nodes: [node('m1'), node('m2'), node('m3'), node('w1', { ready: false })] },
        ),
      },
    },
    [/^degraded: 1 of 4 nodes is not Ready: w1$/],
  ],
  [
    'a lost volume',
    { m1: { server: server({ sickVolumes: ['pvc-1: faulted'] }) } },
    [/^broken: Longhorn: volumes have lost all their copies$/],
  ],
  [
    'a rebuild',
    { m1: { server: server({ sickVolumes: ['pvc-1: degraded'] }) } },
    [/^degraded: Longhorn: volumes with too few copies/],
  ],
  [
    'questions without an answer',
    { m1: { server: server({ unasked: ['pods: timed out'] }) } },
    [/^degraded: some questions got no answer/],
  ],
  [
    'small things',
    {
      m1: {
        server: server(
          {
            certificateDays: 30,
            snapshotHours: 50,
            sickPods: ['a/b: Pending'],
          },
          { nodes: [node('m1'), node('m2'), node('m3'), node('w1', { cordoned: true })] },
        ),
      },
      m2: { server: server({ snapshotHours: undefined }) },
      m3: { server: server({ snapshotHours: undefined }) },
      w1: { host: machine({ pending: ['nfs/x'], rebootsItself: true }) },
    },
    [
      /^notice: cordoned: w1/,
      /^notice: 1 of 4 pods/,
      /^notice: hosts that may reboot by themselves/,
      /^notice: certificates of K3s end in 30 days/,
      /^notice: the newest snapshot of etcd is 50 hours old/,
      /^notice: an interrupted run left handlers pending/,
    ],
  ],
  [
    'full disks and a wrong clock',
    {
      w1: {
        host: machine({
          disks: [
            { mount: '/', percent: 97 },
            { mount: '/mnt', percent: 86 },
          ],
          skewSeconds: 90,
        }),
      },
    },
    [
      /^degraded: file systems that are nearly full/,
      /^degraded: clocks that are wrong/,
      /^notice: file systems that are filling up/,
    ],
  ],
]
for (const [name, but, expected] of CASES)
  void t.test(name, t => {
    const found = wrong(cloud(but))
    t.equal(found.length, expected.length, found.join('\n'))
    t.match(found, expected)
    t.end()
  })

void t.test('a part of the cloud, by --limit', t => {
  const part = (...names: string[]): string[] => {
    const whole = cloud()
    return wrong({
      ...whole,
      hosts: whole.hosts.filter(h => names.includes(h.name)),
      in: group => (GROUPS[group] ?? []).filter(n => names.includes(n)),
      of: name => (names.includes(name) ? whole.of(name) : undefined),
    })
  }
  for (const names of [['m1'], ['l2'], ['w1'], ['m2', 'l1']])
    t.strictSame(part(...names), [], names.join())
  t.end()
})

void t.test('balancers and backends of a VIP are patterns', t => {
  const told = (balancers: string, backends: string, names = NAMES): string[] => {
    const { hosts: sound } = cloud()
    const inventory = {
      domain: 'x.internal',
      hosts: new Map(sound.map(h => [h.name, h])),
      vips: new Map([['api', { ...API, balancers, backends }]]),
      groups: new Map(Object.entries(GROUPS)),
    } as unknown as Inventory
    const hosts = sound.filter(h => names.includes(h.name))
    const found = (name: string) =>
      names.includes(name) ? { ...seen(name), answers: { '10.0.0.9:6443': 0 } } : undefined
    return page({ inventory, hosts, found, lost: new Map() }).findings.flatMap(f => [
      ...(f.text.startsWith('api') ? [f.text] : []),
      ...(f.hint?.includes('backends') ? [f.hint] : []),
    ])
  }
  for (const [balancers, backends] of [
    ['loadbalancers', 'k3s_servers'],
    ['l1,l2', 'm*'],
    ['loadbalancers:!db', 'k3s_servers:&m[1:3]'],
  ] as const)
    t.match(told(balancers, backends), [
      /^api: no answer on 10\.0\.0\.9/,
      /^its backends are m1, m2, m3; /,
    ])
  t.match(told('l*', 'm*', ['l2', 'w1']), [/no answer on/, /backends are m1, m2, m3;/])
  t.end()
})

void t.test('the page fits a terminal and keeps control characters out', t => {
  const page = diagnose(
    cloud({ m2: 'cannot \u001b[31mreach m2 (10.0.0.2:22): no answer within 10 s' }),
  )
  const lines = pageLines(page, noColor, 60)
  t.ok(
    lines.every(l => l.length <= 60),
    lines.join('\n'),
  )
  t.notMatch(lines.join(''), /\u001b/)
  t.match(
    lines.slice(0, 2).join(' '),
    /^Health of x.internal: works, but 1 degraded: the next failure/,
  )
  t.end()
})

void t.test('answers are data', t => {
  t.match(
    parseHost(
      `up 12.5\nfailed x.service\ndisk 40% /\ndisk 91% /\ndisk 5% /mnt/a b\nmemory 61\nreboot\nowed nfs/export%20it\nlock root@x pid 1 \nunit k3s active\n`,
    ),
    {
      upSeconds: 12.5,
      failedUnits: ['x.service'],
      disks: [
        { mount: '/', percent: 91 },
        { mount: '/mnt/a b', percent: 5 },
      ],
      memoryPercent: 61,
      wantsReboot: true,
      rebootsItself: false,
      pending: ['nfs/export it'],
      lockedBy: 'root@x pid 1',
      units: { k3s: 'active' },
    },
  )
  t.throws(() => parseHost('sh: not found\n'), /is missing/)
  t.strictSame([skew(10, 11, 12), skew(14, 11, 12), skew(11.5, 11, 12)], [1, 2, 0])
  t.strictSame(
    parseDates(
      said('certificate 864000\ncertificate 90000\nsnapshot 100\nsnapshot 3600\nnow 7200\n'),
    ),
    { certificateDays: 0, snapshotHours: 1 },
  )
  t.strictSame(parseDates(said('now 7200\n')), {
    certificateDays: undefined,
    snapshotHours: undefined,
  })
  t.throws(() => parseDates(said('')), /cannot read the dates of certificates: no answer/)
  t.throws(
    () => parseDates(said('certificate 1\nnow 7200\n', 1)),
    /cannot read the dates of certificates: why/,
  )
  t.strictSame(parseAnswers('10.0.0.9:6443 401\n10.0.0.9:80 000\nnoise\n'), {
    '10.0.0.9:6443': 401,
    '10.0.0.9:80': 0,
  })
  t.end()
})

void t.test('pods that do not run: which, since when, and why', t => {
  const NOW = Date.parse('2026-07-29T12:00:00Z') / 1000
  const before = (span: number): string => new Date((NOW - span) * 1000).toISOString()
  const ready = (span: number, status = 'False') => [
    { type: 'Ready', status, lastTransitionTime: before(span) },
  ]
  const waits = (reason: string, more = {}, containers = 'containerStatuses') => ({
    phase: 'Pending',
    conditions: ready(300),
    [containers]: [{ name: 'c', ready: false, state: { waiting: { reason } }, ...more }],
  })
  const crashed = (message?: string) => ({
    restartCount: 7,
    lastState: { terminated: { reason: 'Error', exitCode: 1, message } },
  })
  const scheduled = [
    {
      type: 'PodScheduled',
      status: 'False',
      message: '0/3 nodes\n  fit',
      lastTransitionTime: before(10),
    },
  ]
  const event = (name: string, span: number, message: string, more = {}) => ({
    involvedObject: { namespace: 'a', name },
    reason: 'FailedMount',
    message,
    lastTimestamp: before(span),
    ...more,
  })
  const events = [
    event('mount', 20, 'secret "x"\nnot found'),
    event('mount', 90, 'older'),
    event('elsewhere', 1, 'of another pod'),
    event('unready', 5, 'Readiness probe failed', {
      reason: 'Unhealthy',
      lastTimestamp: null,
      eventTime: before(5),
    }),
    event('unready', 50, 'older', { series: { lastObservedTime: before(30) } }),
  ]
  const table: readonly [
    name: string,
    status: object,
    expected: string | undefined,
    more?: object,
  ][] = [
    ['runs', { phase: 'Running', conditions: ready(9, 'True') }, undefined],
    ['done', { phase: 'Succeeded', conditions: ready(900) }, undefined],
    [
      'mount',
      waits('ContainerCreating'),
      'ContainerCreating on w1 for 5 min: FailedMount: secret "x" not found',
    ],
    ['starts', { ...waits('ContainerCreating'), conditions: ready(59) }, undefined],
    [
      'init',
      waits('CrashLoopBackOff', crashed('line\nno such table\n'), 'initContainerStatuses'),
      'Init:CrashLoopBackOff, 7 restarts, on w1 for 5 min: no such table',
    ],
    [
      'chart',
      {
        ...waits('CrashLoopBackOff', crashed('Error: UPGRADE FAILED: conflict')),
        phase: 'Running',
      },
      'CrashLoopBackOff, 7 restarts, on w1 for 5 min: Error: UPGRADE FAILED: conflict',
    ],
    [
      'silent',
      { ...waits('CrashLoopBackOff', crashed()), phase: 'Running' },
      'CrashLoopBackOff, 7 restarts, on w1 for 5 min: Error, exit code 1',
    ],
    [
      'image',
      {
        phase: 'Pending',
        conditions: ready(3),
        containerStatuses: [
          { state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off\npulling' } } },
        ],
      },
      'ImagePullBackOff on w1 for 3 s: Back-off pulling',
    ],
    [
      'unready',
      {
        phase: 'Running',
        conditions: ready(7200),
        containerStatuses: [
          { name: 'db', ready: false },
          { name: 'log', ready: true },
        ],
      },
      'Running, but db is not Ready on w1 for 2 h: Unhealthy: Readiness probe failed',
    ],
    [
      'young',
      {
        phase: 'Running',
        conditions: ready(30),
        containerStatuses: [{ name: 'db', ready: false }],
      },
      undefined,
    ],
    [
      'ends',
      { phase: 'Running', conditions: ready(3, 'True') },
      'Terminating on w1 for 4 days',
      { deletionTimestamp: before(4 * 86_400) },
    ],
    [
      'leaves',
      { phase: 'Running', conditions: ready(3, 'True') },
      undefined,
      { deletionTimestamp: before(-20) },
    ],
    [
      'evicted',
      { phase: 'Failed', reason: 'Evicted', conditions: ready(300) },
      'Evicted on w1 for 5 min',
    ],
    ['dateless', { phase: 'Pending' }, 'Pending on w1'],
  ]
  for (const [name, status, expected, more] of table) {
    const items = [
      { metadata: { namespace: 'a', name, ...more }, spec: { nodeName: 'w1' }, status },
    ]
    t.strictSame(
      parsePods({
        pods: said(JSON.stringify({ items })),
        events: said(JSON.stringify({ items: events })),
        now: NOW,
        patience: 60,
      }),
      { pods: 1, sickPods: expected === undefined ? [] : [`a/${name}: ${expected}`] },
      name,
    )
  }
  const homeless = {
    metadata: { namespace: 'a', name: 'x' },
    status: { phase: 'Pending', conditions: scheduled },
  }
  const asked = { pods: said(JSON.stringify({ items: [homeless] })), now: NOW, patience: 60 }
  t.strictSame(
    parsePods(asked).sickPods,
    ['a/x: Pending for 10 s: 0/3 nodes fit'],
    'no node: at once',
  )
  t.strictSame(
    parsePods({ ...asked, events: said('', 1) }).sickPods.length,
    1,
    'events are not needed',
  )
  for (const answer of [said('{"items":[]}', 1), said('{'), said('{}')])
    t.throws(() => parsePods({ ...asked, pods: answer }), { name: 'TaskError' })
  t.throws(() => parsePods({ ...asked, events: said('{') }), { name: 'TaskError' })
  t.strictSame(
    parsePods({ ...asked, now: NaN }).sickPods,
    ['a/x: Pending: 0/3 nodes fit'],
    'a server that does not tell its time',
  )
  t.end()
})

void t.test('pods on the page: those of K3s itself are more than a notice', t => {
  const of = (...sickPods: string[]) => {
    const { findings } = diagnose(cloud({ m1: { server: server({ sickPods }) } }))
    return findings.find(f => f.level !== 'fine')
  }
  t.match(of('a/b: Pending', 'a/c: Pending'), {
    level: 'notice',
    text: '2 of 4 pods do not run as they should',
    hint: 'k3s kubectl -n a describe pod b   # on m1',
  })
  t.match(of('kube-system/coredns-1: ContainerCreating'), {
    level: 'degraded',
    text: /^1 of 4 pods does not run as it/,
  })
  t.end()
})

void t.test('a server that a balancer keeps out', t => {
  t.strictSame(
    wrong(cloud({ l1: { drained: ['api_6443/m2', 'web_80/m2'] }, l2: { drained: [] } })),
    ['notice: l1 sends no new connections to m2'],
  )
  t.end()
})

void t.test('snapshots that nobody deletes', t => {
  t.strictSame(parseSnapshots('kept fmc 23\nkept etcd-snapshot 4\nnow 1\n'), {
    fmc: 23,
    scheduled: 4,
  })
  t.strictSame(parseSnapshots('now 1\n'), { fmc: 0, scheduled: 0 })
  const piled = (fmc: number, scheduled: number) =>
    diagnose(cloud({ m2: { server: server({ snapshots: { fmc, scheduled } }) } })).findings.filter(
      f => f.level !== 'fine',
    )
  t.strictSame(piled(5, 21), [])
  t.match(piled(23, 0), [
    {
      text: /^m2 keeps 23 snapshots that fmc took; it should be 5/,
      hint: /^k3s etcd-snapshot prune .*# on m2$/,
    },
  ])
  t.match(piled(0, 22), [{ text: /^m2 keeps 22 snapshots of K3s's schedule; it should be 20/ }])
  t.end()
})
