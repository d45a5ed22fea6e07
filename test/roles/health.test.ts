import t from 'tap'
import type { Host, Inventory } from '../../lib/inventory/types.ts'
import { pageLines } from '../../lib/report/page.ts'
import { noColor } from '../../lib/report/style.ts'
import { parsePods, type ServerHealth } from '../../roles/health/cluster.ts'
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
    pin: undefined,
    ca: undefined,
    healthy: true,
    problem: '',
    members: ['m1', 'm2', 'm3'].map(member),
    nodes: ['m1', 'm2', 'm3', 'w1'].map(n => node(n)),
    ...state,
  },
  certificateDays: 300,
  snapshotHours: 2,
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
  hosts: NAMES.map(name => ({ name, address: `10.0.0.${name}`, vmOn: 'kvm' }) as Host),
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
  const said = (stdout: string, code = 0) => ({ code, stdout, stderr: code === 0 ? '' : 'why' })
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
  const pod = (name: string, status: object): object => ({
    metadata: { namespace: 'a', name },
    spec: { nodeName: 'w1' },
    status,
  })
  t.strictSame(
    parsePods(
      said(
        JSON.stringify({
          items: [
            pod('ok', { phase: 'Running' }),
            pod('done', { phase: 'Succeeded' }),
            pod('wait', { phase: 'Pending' }),
            pod('crash', {
              phase: 'Running',
              containerStatuses: [{ state: { waiting: { reason: 'CrashLoopBackOff' } } }],
            }),
          ],
        }),
      ),
    ),
    { pods: 4, sickPods: ['a/wait: Pending on w1', 'a/crash: CrashLoopBackOff on w1'] },
  )
  for (const answer of [said('{"items":[]}', 1), said('{'), said('{}')])
    t.throws(() => parsePods(answer), { name: 'TaskError' })
  t.end()
})
