// Records as runs of a cloud leave them, of any size: for tests, and for looking at what shows them.
//   node --import=./test/preload.js --import=./scripts/load-ts.js test/record/sample.ts HOSTS [fine|failed|dry|killed] >FILE
import type { Counts, TaskEvent } from '../../lib/engine/events.ts'
import type { EventLine, RecordLine } from '../../lib/record/format.ts'

export type Ending = 'fine' | 'failed' | 'dry' | 'killed'

/** Numbers that look random and are the same each time (mulberry32). */
function numbers(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const ROLES: readonly (readonly [role: string, tasks: readonly (readonly [string, number])[]])[] = [
  [
    'base',
    [
      ['packages: chrony, curl, jq', 6000],
      ['file /etc/chrony/chrony.conf', 90],
      ['service chrony', 400],
      ['sysctl net.ipv4.ip_forward', 40],
      ['file /etc/issue.net', 30],
    ],
  ],
  [
    'firewall',
    [
      ['file /etc/nftables.conf', 120],
      ['guarded nftables', 1800],
    ],
  ],
  [
    'k3s-agent',
    [
      ['artifact /usr/local/bin/k3s', 22_000],
      ['file /etc/rancher/k3s/config.yaml', 80],
      ['unit k3s-agent.service', 60],
      ['handler restart k3s-agent', 9000],
      ['gate "the node is ready"', 14_000],
    ],
  ],
]

const DIFFS: Readonly<Record<string, string>> = {
  'file /etc/chrony/chrony.conf': `--- /etc/chrony/chrony.conf
+++ /etc/chrony/chrony.conf
@@ -1,5 +1,5 @@
 # chrony of the cloud
-pool 2.debian.pool.ntp.org iburst
+server 10.1.0.1 iburst
+server 10.1.0.2 iburst
 driftfile /var/lib/chrony/chrony.drift
 makestep 1.0 3
 rtcsync
`,
  'file /etc/nftables.conf': `--- /etc/nftables.conf
+++ /etc/nftables.conf
@@ -12,7 +12,9 @@
     ct state established,related accept
     iif lo accept
-    tcp dport 22 accept
+    ip saddr 10.0.10.0/24 tcp dport 22 accept comment "admins <only> & nobody else"
+    tcp dport { 80, 443 } accept
+    udp dport 51820 accept
     counter drop
   }
 }
`,
}

const ZERO = { ok: 0, changed: 0, skipped: 0, failed: 0, unreachable: 0 }
const BEGIN = Date.UTC(2026, 10, 27, 22, 15, 0)

/** The lines of the record of a run on this many hosts. */
export function sampleLines(count: number, ending: Ending): RecordLine[] {
  const random = numbers(count)
  const hosts = Array.from({ length: count }, (_, n) =>
    n < 3 && count > 3 ? `master${n + 1}` : `worker${n + (count > 3 ? -2 : 1)}`,
  )
  const dryRun = ending === 'dry'
  const argv = ['play', 'site', ...(dryRun ? ['--dry-run'] : []), '--diff']
  const events: EventLine[] = []
  const recap = new Map<string, Record<keyof Counts, number>>()
  for (const host of hosts) recap.set(host, { ...ZERO, unpredicted: 0, unneeded: 0 })
  const lost = count > 100 ? new Set(['worker17', 'worker60']) : new Set<string>()
  const roles = ROLES.map(([role]) => role)
  const plays = [
    { play: 'Base', hosts, roles: roles.slice(0, 2) },
    {
      play: 'K3s agents',
      hosts: hosts.filter(h => count < 4 || h.startsWith('worker')),
      roles: roles.slice(2),
    },
  ]
  events.push({ type: 'start', at: 4, command: 'play site', dryRun, lab: false, plays, hosts })
  events.push({ type: 'pass', at: 5, pass: 'plan', state: 'start' })
  for (const host of hosts) {
    events.push({ type: 'host', at: 6, host, state: 'connecting' })
    const failure = {
      message: `cannot reach ${host} (10.1.2.${hosts.indexOf(host)}:22): EHOSTUNREACH`,
      hint: `ssh root@${host}`,
    }
    if (lost.has(host) && ending !== 'dry') {
      events.push({ type: 'host', at: 10_006, host, state: 'unreachable', failure })
      const counts = recap.get(host)
      if (counts) counts.unreachable = 1
    } else {
      events.push({ type: 'host', at: 120 + Math.round(random() * 600), host, state: 'connected' })
      events.push({
        type: 'facts',
        at: 2000,
        host,
        facts: { os: { name: 'debian', version: '12' }, 'deb chrony': '4.3-2+deb12u1' },
      })
    }
  }
  const planned = lost.size > 0 ? 10_100 : 2100
  events.push({ type: 'pass', at: planned, pass: 'plan', state: 'end' })
  if (!dryRun)
    events.push({
      type: 'pass',
      at: planned + 1,
      pass: 'apply',
      state: 'start',
      planned: count * 5,
    })
  let begin = planned + 2
  const failed = new Set<string>()
  for (const { play, hosts: some, roles: names } of plays) {
    events.push({ type: 'play', at: begin, play, state: 'start', hosts: some })
    let end = begin
    const slots = Array.from({ length: 50 }, () => begin)
    for (const host of some) {
      if (lost.has(host) || failed.has(host)) continue
      let at = dryRun ? 800 : Math.min(...slots)
      const slot = slots.indexOf(Math.min(...slots))
      const slow = host === hosts.at(-1) ? 3 : 0.6 + random()
      const quiet = random() < 0.4 && host !== hosts.at(-1)
      for (const [role, tasks] of ROLES.filter(([role]) => names.includes(role)))
        for (const [task, usual] of tasks) {
          if (failed.has(host)) break
          const changes = !quiet && (task in DIFFS || usual > 1000)
          const ms = Math.round((dryRun ? 4 : changes ? usual : Math.min(usual, 60)) * slow)
          at += ms
          const wrong =
            ending === 'failed' &&
            task.startsWith('handler') &&
            (host === 'worker2' || host === 'worker9')
          const line: TaskEvent & { at: number } = {
            ...{ type: 'task', at: at - 0, host, play, role, task, ms, predicted: changes },
            status: wrong ? 'failed' : changes ? 'changed' : 'ok',
            changes: changes
              ? [
                  {
                    what: task in DIFFS ? 'content' : 'run',
                    ...(task in DIFFS ? { diff: DIFFS[task] ?? '' } : {}),
                  },
                ]
              : [],
            ...(wrong
              ? {
                  failure: {
                    message: `${task}: exit 1`,
                    command: 'systemctl restart k3s-agent',
                    output:
                      'Job for k3s-agent.service failed because the control process exited with error code.\n<script>alert(1)</script>',
                    hint: `fmc logs ${host} k3s-agent`,
                  },
                }
              : {}),
          }
          events.push(line)
          const counts = recap.get(host)
          if (counts) counts[line.status]++
          if (wrong) {
            failed.add(host)
            events.push({
              type: 'host',
              at,
              host,
              state: 'failed',
              failure: line.failure ?? { message: '' },
            })
          }
        }
      if (!failed.has(host)) events.push({ type: 'host', at: at + 1, host, state: 'done' })
      slots[slot] = at
      end = Math.max(end, at)
    }
    if (!dryRun) begin = end + 20
    events.push({ type: 'play', at: begin, play, state: 'end', hosts: some })
  }
  const applied = dryRun ? planned : begin + 1
  if (!dryRun) {
    events.push({ type: 'pass', at: applied, pass: 'apply', state: 'end' })
    events.push({ type: 'pass', at: applied + 1, pass: 'verify', state: 'start' })
    events.push({ type: 'pass', at: applied + 900, pass: 'verify', state: 'end' })
  }
  const done = dryRun ? applied + 5 : applied + 905
  const sum = (key: keyof Counts): number => [...recap.values()].reduce((n, c) => n + c[key], 0)
  const exitCode = failed.size > 0 ? 2 : lost.size > 0 && !dryRun ? 4 : 0
  const total = {
    ok: sum('ok'),
    changed: sum('changed'),
    skipped: 0,
    failed: sum('failed'),
    unreachable: sum('unreachable'),
    unpredicted: 0,
    unneeded: 0,
  }
  events.sort((a, b) => a.at - b.at)
  const head: RecordLine[] = [
    { type: 'version', fmc: '1.4.0', contract: 1 },
    {
      type: 'run',
      id: `5a3b00${String(count % 100).padStart(2, '0')}`,
      ...{ command: 'play site', argv, dryRun, readOnly: false, lab: false },
      inventory: '/srv/cloud/inventory.yaml',
      ...{ user: 'root', sudoUser: 'anna', from: '10.0.10.7', controller: 'admin1', pid: 4711 },
      git: { revision: '3f2c1d0e9b8a7f6e5d4c3b2a190817263544abcd', dirty: true },
      begin: new Date(BEGIN).toISOString(),
    },
  ]
  if (ending === 'killed') return [...head, ...events.filter(e => e.at < applied / 2)]
  return [
    ...head,
    ...events,
    {
      ...{ type: 'recap', at: done, ...total, dryRun, seconds: done / 1000 },
      hosts: Object.fromEntries(recap),
      exitCode,
      ...(failed.size > 0
        ? {
            undone: Object.fromEntries([...failed].map(h => [h, 1])),
            next: 'fmc play site --diff --limit @failed',
          }
        : {}),
      ...(dryRun ? { next: 'fmc play site --diff' } : {}),
    },
    { type: 'end', exitCode, end: new Date(BEGIN + done + 8).toISOString() },
  ]
}

/** The record as a file has it. */
export const sampleText = (count: number, ending: Ending): string =>
  sampleLines(count, ending)
    .map(line => `${JSON.stringify(line)}\n`)
    .join('')

if (process.argv[1] === import.meta.filename)
  process.stdout.write(
    sampleText(Number(process.argv[2] ?? 12), (process.argv[3] ?? 'failed') as Ending),
  )
