import type { Change, Counts, Event, Failure } from '../../lib/engine/events.ts'

/** Synthetic runs for the demo and the tests of the reports. */
export type Timed = readonly [afterMs: number, event: Event]

interface Step {
  readonly role: string
  readonly task: string
  readonly ms: number
  readonly changes?: readonly Change[]
  readonly estimate?: true
  readonly unpredicted?: true
  readonly note?: string
  readonly failure?: Failure
  /** What it says while it runs. */
  readonly says?: readonly string[]
}

export interface Script {
  readonly command: string
  readonly dryRun: boolean
  readonly plays: readonly {
    readonly play: string
    readonly steps: Readonly<Record<string, readonly Step[]>>
  }[]
  readonly unreachable?: readonly string[]
}

const none: Counts = {
  ok: 0,
  changed: 0,
  skipped: 0,
  failed: 0,
  unreachable: 0,
  unpredicted: 0,
  unneeded: 0,
}

const taskEvent = (host: string, play: string, step: Step): Event => ({
  type: 'task',
  host,
  play,
  role: step.role,
  task: step.task,
  status: step.failure ? 'failed' : step.changes ? 'changed' : 'ok',
  predicted: step.changes !== undefined && !step.unpredicted,
  changes: step.changes ?? [],
  ms: step.ms,
  ...(step.note === undefined ? {} : { note: step.note }),
  ...(step.unpredicted ? { unpredicted: true } : {}),
  ...(step.estimate ? { estimate: true } : {}),
  ...(step.failure ? { failure: step.failure } : {}),
})

const sum = (all: readonly Counts[]): Counts =>
  all.reduce((a, b) => ({
    ok: a.ok + b.ok,
    changed: a.changed + b.changed,
    skipped: a.skipped + b.skipped,
    failed: a.failed + b.failed,
    unreachable: a.unreachable + b.unreachable,
    unpredicted: a.unpredicted + b.unpredicted,
    unneeded: a.unneeded + b.unneeded,
  }))

/** The events of a script, in order of their times (ms from the beginning). */
export const events = (script: Script): Timed[] => {
  const out: [number, Event][] = []
  const down = script.unreachable ?? []
  const plays = script.plays.map(({ play, steps }) => ({
    play,
    hosts: Object.keys(steps),
    roles: [...new Set(Object.values(steps).flatMap(list => list.map(({ role }) => role)))],
  }))
  const hosts = [...new Set(plays.flatMap(play => play.hosts))]
  const counts = new Map(hosts.map(host => [host, { ...none }]))
  out.push([0, { type: 'version', fmc: '0.1.0', contract: 1 }])
  out.push([
    0,
    { type: 'start', command: script.command, dryRun: script.dryRun, lab: true, plays, hosts },
  ])
  out.push([1, { type: 'pass', pass: 'plan', state: 'start' }])
  for (const host of hosts) out.push([2, { type: 'host', host, state: 'connecting' }])
  for (const host of hosts) {
    if (!down.includes(host)) out.push([40, { type: 'host', host, state: 'connected' }])
    else {
      const failure = {
        message: `${host}: connect ETIMEDOUT 10.17.3.9:22`,
        hint: 'is the host up? `fmc lab status` shows it',
      }
      out.push([900, { type: 'host', host, state: 'unreachable', failure }])
      counts.set(host, { ...none, unreachable: 1 })
    }
  }
  let begin = 60
  if (!script.dryRun) {
    for (const { play, steps } of script.plays)
      for (const [host, list] of Object.entries(steps))
        list.forEach((step, n) =>
          out.push([
            60 + n * 20,
            { type: 'working', host, play, role: step.role, task: step.task },
          ]),
        )
    out.push([1000, { type: 'pass', pass: 'plan', state: 'end' }])
    out.push([1001, { type: 'pass', pass: 'apply', state: 'start' }])
    for (const [stage, { play, steps }] of script.plays.entries()) {
      const tasks = Object.entries(steps).flatMap(([host, list]) =>
        down.includes(host)
          ? []
          : list
              .filter(step => step.changes && !step.unpredicted)
              .map(({ role, task }) => ({ host, role, task })),
      )
      const batches = [Object.keys(steps)]
      out.push([1001, { type: 'planned', play, stage, batches, forks: 50, tasks }])
    }
    begin = 1002
  }
  for (const { play, steps } of script.plays) {
    let latest = begin
    const members = Object.keys(steps).filter(host => !down.includes(host))
    out.push([begin, { type: 'play', play, state: 'start', hosts: members }])
    for (const host of members) {
      let at = begin + 1
      for (const step of steps[host] ?? []) {
        const working = { type: 'working', host, play, role: step.role, task: step.task } as const
        out.push([at, working])
        for (const [n, text] of (step.says ?? []).entries())
          out.push([
            at + ((n + 1) * step.ms) / ((step.says?.length ?? 0) + 1),
            { ...working, text },
          ])
        at += step.ms
        out.push([at, taskEvent(host, play, step)])
        const mine = counts.get(host) ?? { ...none }
        counts.set(host, {
          ...mine,
          ok: mine.ok + (step.failure || step.changes ? 0 : 1),
          changed: mine.changed + (step.changes ? 1 : 0),
          failed: mine.failed + (step.failure ? 1 : 0),
          unpredicted: mine.unpredicted + (step.unpredicted ? 1 : 0),
        })
        if (step.failure) break
      }
      latest = Math.max(latest, at)
    }
    out.push([latest + 1, { type: 'play', play, state: 'end', hosts: members }])
    if (!script.dryRun) begin = latest + 2
    else begin = 60
  }
  const end = Math.max(...out.map(([at]) => at)) + 1
  out.push([end, { type: 'pass', pass: script.dryRun ? 'plan' : 'apply', state: 'end' }])
  const perHost = Object.fromEntries(counts)
  const total = sum([...counts.values()])
  out.push([
    end + 1,
    {
      type: 'recap',
      dryRun: script.dryRun,
      seconds: end / 1000,
      hosts: perHost,
      exitCode: total.unreachable > 0 ? 4 : total.failed > 0 ? 2 : 0,
      ...total,
    },
  ])
  return out.sort(([a], [b]) => a - b)
}

const changed = (role: string, task: string, ms: number, ...what: string[]): Step => ({
  role,
  task,
  ms,
  changes: what.map(text => ({ what: text })),
})
const ok = (role: string, task: string, ms = 30): Step => ({ role, task, ms })

const CFG_DIFF = `--- /etc/haproxy/haproxy.cfg
+++ /etc/haproxy/haproxy.cfg
@@ -1,4 +1,4 @@
 frontend api
-  bind 10.17.3.10:6443
+  bind 10.17.3.11:6443
   default_backend masters
 \u001b]0;evil\u0007
`

const balancer: Step[] = [
  {
    ...changed(
      'haproxy-keepalived',
      'packages haproxy, keepalived',
      2600,
      'install haproxy',
      'install keepalived',
    ),
    says: [
      'Get:1 http://deb.debian.org/debian bookworm/main amd64 haproxy amd64 2.6.12-1+deb12u1 [2,043 kB]',
      'Unpacking haproxy (2.6.12-1+deb12u1) ...',
      'Setting up keepalived (1:2.2.7-1+b2) ...',
    ],
  },
  {
    role: 'haproxy-keepalived',
    task: 'file /etc/haproxy/haproxy.cfg',
    ms: 400,
    changes: [{ what: 'content', diff: CFG_DIFF }, { what: 'mode 0600 → 0644' }],
  },
  { ...changed('haproxy-keepalived', 'service haproxy', 900, 'enable', 'start'), estimate: true },
  { role: 'haproxy-keepalived', task: 'gate the VIP answers', ms: 1200, note: 'will wait for' },
]

const failing: Step = {
  role: 'postgresql',
  task: 'file /etc/postgresql/15/main/conf.d/fmc.conf',
  ms: 700,
  failure: {
    message: 'the new content is not valid; the old file is in place',
    hint: 'correct postgresql_settings in inventory.yaml:88',
    command: 'postgres -C shared_buffers -D /run/fmc.check',
    output:
      'LOG:  invalid value for parameter "shared_buffers": "12XB"\n\u001b[31mHINT\u001b[0m:  Valid units are "B", "kB", "MB", "GB", and "TB".\r\nFATAL:  configuration file contains errors\n',
  },
}

const k3s = (host: number, busy: number): Step[] => [
  ok('base', 'hostname', 200),
  ok('base', 'timezone Europe/Madrid', 100 + host * 10),
  ...(busy > 0
    ? [
        {
          ...changed('k3s-agent', 'artifact k3s v1.33.4+k3s1', busy, 'download k3s (72 MB)'),
          says: [12, 31, 55].map(n => `uploading, ${n} MB of 72 MB`),
        },
        changed('k3s-agent', 'unit k3s-agent.service', 300, 'content', 'reload systemd'),
      ]
    : [
        ok('k3s-agent', 'artifact k3s v1.33.4+k3s1', 100),
        ok('k3s-agent', 'unit k3s-agent.service', 50),
      ]),
]

const fleet = (name: string, n: number, busy: (i: number) => number): Record<string, Step[]> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`${name}${i + 1}`, k3s(i, busy(i))]))

/** The site's twelve hosts. */
export const twelve = (dryRun: boolean, failures = false): Script => ({
  command: `play site --lab${dryRun ? ' --dry-run --diff' : ''}`,
  dryRun,
  ...(failures ? { unreachable: ['worker3'] } : {}),
  plays: [
    {
      play: 'Hypervisor',
      steps: {
        hypervisor: [
          ok('hypervisor', 'sysctl net.ipv4.ip_forward'),
          ok('hypervisor', 'unit libvirtd.service'),
        ],
      },
    },
    {
      play: 'DNS and time',
      steps: {
        'infra-cluster': [
          changed('coredns-chrony', 'artifact coredns 1.12.4', 1800, 'install coredns 1.12.4'),
          changed('coredns-chrony', 'file /etc/coredns/Corefile', 300, 'create with 41 lines'),
          { ...changed('coredns-chrony', 'export the zones', 300, 'run'), unpredicted: true },
        ],
      },
    },
    { play: 'Storage', steps: { storage1: [ok('nfs', 'directory /srv/nfs/shared', 900)] } },
    {
      play: 'Database',
      steps: {
        postgresql1: [
          changed('postgresql', 'packages postgresql-15', 2500, 'install postgresql-15'),
          ...(failures ? [failing] : [ok('postgresql', 'service postgresql')]),
        ],
      },
    },
    { play: 'K3s servers', steps: fleet('master', 3, i => (i === 0 ? 1500 : 0)) },
    { play: 'Load balancers', steps: { loadbalancer1: balancer, loadbalancer2: balancer } },
    { play: 'K3s agents', steps: fleet('worker', 3, () => 0) },
  ],
})

/** A hundred agents behind the twelve. */
export const hundred = (dryRun: boolean): Script => ({
  ...twelve(dryRun, true),
  unreachable: ['agent77'],
  plays: [
    ...twelve(dryRun, true).plays,
    { play: 'Agents', steps: fleet('agent', 100, i => (i % 9 === 0 ? 3000 + i * 20 : 0)) },
  ],
})
