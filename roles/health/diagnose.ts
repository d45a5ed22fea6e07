import type { Finding, Findings, Host, Page, Vip } from '../../lib/index.ts'
import type { Seen } from './index.ts'

/** What the checks below look at. */
export interface Cloud {
  readonly domain: string
  readonly hosts: readonly Host[]
  readonly vips: readonly Vip[]
  /** Hosts of a group, of those that were asked. */
  in(group: string): readonly string[]
  /** All hosts of a group, also those that --limit left out. */
  all(group: string): readonly string[]
  of(host: string): Seen | undefined
  /** Why a host said nothing. */
  readonly lost: ReadonlyMap<string, string>
}

/** One page: what is wrong in the order in which to look at it, then what is fine in a few lines. */
export function page({ inventory, hosts, found, lost }: Findings): Page {
  const names = new Set(hosts.map(h => h.name))
  return diagnose({
    domain: inventory.domain,
    hosts,
    vips: [...inventory.vips.values()],
    in: group => (inventory.groups.get(group) ?? []).filter(name => names.has(name)),
    all: group => inventory.groups.get(group) ?? [],
    of: host => found(host, 'health') as Seen | undefined,
    lost,
  })
}

const ORDER = ['broken', 'degraded', 'notice', 'fine'] as const

export function diagnose(cloud: Cloud): Page {
  const findings = [
    etcd,
    lostHosts,
    addresses,
    nodes,
    volumes,
    services,
    pods,
    machines,
    certificates,
    unasked,
    runs,
  ]
    .flatMap(check => check(cloud))
    .map((finding, i) => ({ finding, i }))
    .sort((a, b) => ORDER.indexOf(a.finding.level) - ORDER.indexOf(b.finding.level) || a.i - b.i)
    .map(({ finding }) => finding)
  const count = (level: Finding['level']): number => findings.filter(f => f.level === level).length
  const [broken, degraded, notices] = [count('broken'), count('degraded'), count('notice')]
  const verdict =
    broken > 0
      ? `${broken} broken${degraded > 0 ? `, ${degraded} degraded` : ''}`
      : degraded > 0
        ? `works, but ${degraded} degraded: the next failure may break it`
        : 'all is well'
  return {
    title: `Health of ${cloud.domain}: ${verdict}${notices > 0 ? `; ${notices} to look at this week` : ''}`,
    findings,
  }
}

const list = (names: readonly string[]): string => names.join(', ')
const is = (n: number): string => (n === 1 ? 'is' : 'are')
/** Of a long list its beginning. */
const some = (texts: readonly string[]): string[] =>
  texts.length <= 6 ? [...texts] : [...texts.slice(0, 5), `and ${texts.length - 5} more`]

const servers = (c: Cloud): readonly string[] => c.in('k3s_servers')
const healthy = (c: Cloud): string[] => servers(c).filter(n => c.of(n)?.server?.state.healthy)
/** The server whose word about the cluster is taken. */
const voice = (c: Cloud) => c.of(healthy(c)[0] ?? '')?.server

const reason = (c: Cloud, name: string): string => {
  const seen = c.of(name)
  if (!seen) return `${name}: ${c.lost.get(name) ?? 'was not asked'}`
  return `${name}: ${seen.server?.state.ailment ?? 'is no server'}`
}

const majority = (n: number): number => Math.floor(n / 2) + 1

function etcd(c: Cloud): Finding[] {
  const all = servers(c)
  if (all.length === 0) return []
  const members = voice(c)?.state.members
  const voters = members?.filter(m => !m.learner).length ?? all.length
  const up = healthy(c)
  const down = all.filter(n => !up.includes(n))
  const need = majority(Math.max(voters, all.length))
  if (up.length === 0)
    return [
      {
        level: 'broken',
        text: `K3s: no server works (etcd needs ${need} of ${all.length}). What runs goes on, but nothing can be changed or moved`,
        details: down.map(n => reason(c, n)),
        hint: `bring back any ${need} of ${list(all)} (power, network, disk full?), then: fmc play site --limit k3s_servers. Only when that many disks are lost: fmc play etcd-restore`,
      },
    ]
  const sick = down.filter(n => !c.lost.has(n))
  const learners = members?.filter(m => m.learner || !m.started) ?? []
  const findings: Finding[] = []
  if (sick.length > 0 || learners.length > 0)
    findings.push({
      level: 'degraded',
      text: `etcd: ${up.length} of ${all.length} servers work${spare(up.length, need)}`,
      details: [
        ...sick.map(n => reason(c, n)),
        ...learners.map(m => `${m.name || m.address} has not finished joining`),
      ],
      hint:
        sick.length > 0
          ? `fmc play site --limit ${sick.join(',')}; if its disk is lost: fmc play node-replace --limit ${sick[0]}`
          : 'fmc play site --limit k3s_servers',
    })
  const wanted = c.all('k3s_servers').length
  if (members && members.length > wanted)
    findings.push({
      level: 'degraded',
      text: `etcd has ${members.length} members, the inventory ${wanted} servers: one that is gone still counts for the quorum`,
      details: members.map(m => `${m.name || '(no name yet)'} ${m.address}`),
      hint: 'fmc play node-replace --limit the server that was rebuilt, or put the missing one into the inventory',
    })
  if (findings.length === 0 && down.length === 0)
    findings.push({
      level: 'fine',
      text: `etcd: ${voters} voters, all healthy; API ready on ${list(up)}`,
    })
  return findings
}

const spare = (up: number, need: number): string =>
  up <= need ? '; the next one that fails stops the cluster' : `; ${up - need} more may fail`

/** A host that does not answer, with what hangs on it. */
function lostHosts(c: Cloud): Finding[] {
  return c.hosts
    .filter(h => c.lost.has(h.name) && c.of(h.name) === undefined)
    .map((h): Finding => {
      const name = h.name
      const details = [c.lost.get(name) ?? '']
      let broken = false
      if (servers(c).includes(name)) {
        const up = healthy(c).length
        const all = servers(c).length
        details.push(
          up >= majority(all)
            ? `etcd goes on with ${up} of ${all} servers${spare(up, majority(all))}`
            : `etcd has ${up} of ${all} servers`,
        )
      }
      const node = voice(c)?.state.nodes.find(n => n.name === name)
      if (node)
        details.push(
          node.ready
            ? 'its node is still Ready: it went less than a minute ago, or only fmc cannot reach it'
            : 'its node is not Ready; its pods move after five minutes',
        )
      for (const vip of c.vips) {
        const others = c.in(vip.balancers).filter(n => n !== name && c.of(n)?.balancer?.haproxy)
        if (c.in(vip.balancers).includes(name))
          details.push(
            others.length > 0
              ? `${list(others)} can hold ${vip.name}, with nobody to take over`
              : `nobody is left to hold ${vip.name}`,
          )
      }
      for (const [group, what] of [
        ['databases', 'the database is down'],
        ['infra', 'DNS and time are down'],
        ['storage', 'NFS is down: PostgreSQL’s backups and shared volumes hang'],
        ['hypervisors', 'its virtual machines are down'],
      ] as const)
        if (c.in(group).includes(name)) {
          details.push(what)
          broken = true
        }
      return {
        level: broken ? 'broken' : 'degraded',
        text: `${name} (${h.address}) does not answer`,
        details,
        hint:
          h.vmOn === undefined
            ? 'is it powered on? Look at its console'
            : `on ${h.vmOn}: virsh list --all; virsh start ${name}; virsh console ${name}${servers(c).includes(name) || c.in('k3s_agents').includes(name) ? `. Disk lost: fmc play node-replace --limit ${name}` : ''}`,
      }
    })
}

const isGood = (code: number): boolean => code > 0 && code < 500

/** Ports of a VIP on which nobody outside of the balancers gets an answer, and how many answers there were at all. */
function silentPorts(c: Cloud, vip: Vip): { readonly bad: string[]; readonly asked: number } {
  const bad: string[] = []
  let asked = 0
  for (const port of vip.ports) {
    const answers = c.hosts.flatMap(h => {
      const code = c.of(h.name)?.answers[`${vip.address}:${port}`]
      return code === undefined ? [] : [{ host: h.name, code }]
    })
    asked += answers.length
    const [first] = answers
    if (first && !answers.some(a => isGood(a.code)))
      bad.push(
        `${vip.address}:${port}: ${first.code > 0 ? `answers ${first.code}` : 'no answer'} (asked from ${list(answers.map(a => a.host))})`,
      )
  }
  return { bad, asked }
}

/** Each VIP: one holder, an answer, and somebody who could take over. */
function addresses(c: Cloud): Finding[] {
  return c.vips.flatMap(vip => addressFinding(c, vip))
}

function addressFinding(c: Cloud, vip: Vip): Finding[] {
  const all = c.in(vip.balancers)
  const asked = all.filter(n => c.of(n)?.balancer)
  const holders = asked.filter(n => c.of(n)?.balancer?.addresses.includes(vip.address))
  const unfit = asked.flatMap(n => {
    const b = c.of(n)?.balancer
    const why = [
      ...(b?.keepalived ? [] : ['keepalived does not run']),
      ...(b?.haproxy ? [] : ['haproxy does not answer']),
    ]
    return why.length > 0 ? [{ name: n, why: `${n}: ${list(why)}` }] : []
  })
  const { bad, asked: answers } = silentPorts(c, vip)
  const repair = `fmc play site --limit ${vip.balancers}`
  // Who holds it may be one that was not asked.
  const some = all.length < c.all(vip.balancers).length
  if (some && holders.length === 0 && bad.length === 0) return []
  if (holders.length > 1)
    return [
      {
        level: 'broken',
        text: `${vip.name}: ${list(holders)} both hold ${vip.address}: connections break at random`,
        details: ['they do not hear each other (VRRP, IP protocol 112)'],
        hint: `systemctl stop keepalived on all but one of them; then ${repair}`,
      },
    ]
  if (holders.length === 0 && !some && (asked.length > 0 || bad.length > 0))
    return [
      {
        level: asked.length === all.length || bad.length > 0 ? 'broken' : 'degraded',
        text: `${vip.name}: no balancer that answers holds ${vip.address}`,
        details: [...unfit.map(u => u.why), ...bad],
        hint: repair,
      },
    ]
  if (bad.length > 0)
    return [
      {
        level: 'broken',
        text: `${vip.name}: nobody answers on ${vip.address}: ${vip.check === 'k3s' ? (healthy(c).length === 0 ? 'no server works, see there' : 'kubectl and new agents cannot reach the API through it (agents that run do not need it)') : 'users see nothing'}`,
        details: bad,
        hint: `its backends are ${list(c.in(vip.backends))}; ${repair}`,
      },
    ]
  if (unfit.length > 0)
    return [
      {
        level: 'degraded',
        text: `${vip.name}: ${list(holders)} holds it, and ${list(unfit.map(u => u.name))} could not take over`,
        details: unfit.map(u => u.why),
        hint: `fmc play site --limit ${unfit.map(u => u.name).join(',')}`,
      },
    ]
  const ports = answers > 0 ? `answers on ${vip.ports.join(', ')}` : 'was not asked from outside'
  return [
    {
      level: 'fine',
      text: `${vip.name}: ${vip.address} ${ports}${holders.length > 0 ? `; ${list(holders)} holds it` : ''}`,
    },
  ]
}

function nodes(c: Cloud): Finding[] {
  const seen = voice(c)
  if (!seen) return []
  const { nodes } = seen.state
  const wanted = [...servers(c), ...c.in('k3s_agents')]
  const sick = nodes.filter(n => !n.ready && !c.lost.has(n.name))
  const missing = wanted.filter(name => !nodes.some(n => n.name === name) && !c.lost.has(name))
  const versions = [...new Set(nodes.map(n => n.version))].sort()
  const findings: Finding[] = []
  if (sick.length > 0)
    findings.push({
      level: 'degraded',
      text: `${sick.length} of ${nodes.length} nodes ${is(sick.length)} not Ready: ${list(sick.map(n => n.name))}`,
      details: sick.map(
        n =>
          `${n.name}: ${
            Object.entries(c.of(n.name)?.host.units ?? {})
              .map(([u, s]) => `${u} is ${s}`)
              .join(', ') || 'not in the inventory?'
          }`,
      ),
      hint: `fmc play site --limit ${sick.map(n => n.name).join(',')}; journalctl -u k3s -u k3s-agent there`,
    })
  if (missing.length > 0)
    findings.push({
      level: 'degraded',
      text: `${list(missing)} ${is(missing.length)} in the inventory and no node of the cluster`,
      hint: `fmc play site --limit ${missing.join(',')}`,
    })
  const cordoned = nodes.filter(n => n.cordoned).map(n => n.name)
  if (cordoned.length > 0)
    findings.push({
      level: 'notice',
      text: `cordoned: ${list(cordoned)}. No new pods start there`,
      hint: 'left over from a run that was cut off? Run it again. Else: k3s kubectl uncordon NODE',
    })
  if (versions.length > 1)
    findings.push({
      level: 'notice',
      text: `nodes run different versions: ${versions.join(', ')}`,
      details: versions.map(
        v => `${v}: ${list(nodes.filter(n => n.version === v).map(n => n.name))}`,
      ),
      hint: 'an upgrade was not finished: fmc play k3s-upgrade',
    })
  const ready = nodes.filter(n => n.ready).length
  if (findings.length === 0 && ready === nodes.length)
    findings.push({
      level: 'fine',
      text: `nodes: ${ready} of ${nodes.length} Ready, ${versions.join(', ')}`,
    })
  return findings
}

function volumes(c: Cloud): Finding[] {
  const seen = voice(c)
  if (!seen || (seen.volumes === undefined && seen.sickVolumes.length === 0)) return []
  if (seen.sickVolumes.length === 0)
    return [
      {
        level: 'fine',
        text: `volumes: ${seen.volumes ?? 0}, every attached one with all its copies`,
      },
    ]
  const faulted = seen.sickVolumes.some(v => v.includes('faulted'))
  return [
    {
      level: faulted ? 'broken' : 'degraded',
      text: faulted
        ? 'Longhorn: volumes have lost all their copies'
        : 'Longhorn: volumes with fewer copies than they shall have',
      details: some(seen.sickVolumes),
      hint: faulted
        ? 'bring back the node with the last copy; else restore from a backup (roles/longhorn/README.md)'
        : 'it rebuilds by itself when the nodes are back; drain and reboot nothing until then',
    },
  ]
}

/** Units that a host must run and does not, where no check above has said so. */
function services(c: Cloud): Finding[] {
  const critical = (unit: string): string | undefined =>
    unit.startsWith('postgresql')
      ? 'the database is down'
      : { 'nfs-server': 'NFS is down', coredns: 'DNS is down' }[unit]
  const told = new Set(['k3s', 'haproxy', 'keepalived'])
  const nodesDown = new Set(
    voice(c)
      ?.state.nodes.filter(n => !n.ready)
      .map(n => n.name),
  )
  const down = new Map<string, string[]>()
  for (const h of c.hosts)
    for (const [unit, state] of Object.entries(c.of(h.name)?.host.units ?? {})) {
      if (state === 'active' || told.has(unit)) continue
      if (unit === 'k3s-agent' && nodesDown.has(h.name)) continue
      const key = `${unit} ${state}`
      down.set(key, [...(down.get(key) ?? []), h.name])
    }
  const findings = [...down].map(([key, names]): Finding => {
    const [unit = '', state] = key.split(' ')
    const what = critical(unit)
    return {
      level: what ? 'broken' : 'degraded',
      text: `${list(names)}: ${what ? `${what}: ` : ''}${unit.replace(/@?\*$/, '')} is ${state || 'missing'}`,
      hint: `journalctl -u '${unit}' -n 50 there; fmc play site --limit ${names.join(',')}`,
    }
  })
  const running = ['databases', 'storage', 'infra'].flatMap(g => c.in(g)).filter(n => c.of(n))
  if (findings.length === 0 && running.length > 0)
    return [
      { level: 'fine', text: `database, NFS, DNS and time run on ${list([...new Set(running)])}` },
    ]
  return findings
}

function pods(c: Cloud): Finding[] {
  const seen = voice(c)
  if (!seen || seen.pods === 0) return []
  if (seen.sickPods.length === 0)
    return [{ level: 'fine', text: `pods: ${seen.pods}, none waits or fails` }]
  return [
    {
      level: 'notice',
      text: `${seen.sickPods.length} of ${seen.pods} pods do not run`,
      details: some(seen.sickPods),
      hint: 'k3s kubectl describe pod -n NAMESPACE NAME',
    },
  ]
}

/** Disks, memory, clocks, failed units. */
function machines(c: Cloud): Finding[] {
  const findings: Finding[] = []
  const each = (what: (name: string, s: Seen) => string[]): string[] =>
    c.hosts.flatMap(h => {
      const seen = c.of(h.name)
      return seen ? what(h.name, seen) : []
    })
  const full = (above: number, below: number): string[] =>
    each((name, { host, vars }) =>
      host.disks
        .filter(
          d =>
            d.percent >= Math.min(98, vars.health_disk_percent + above) &&
            d.percent < Math.min(98, vars.health_disk_percent + below),
        )
        .map(d => `${name} ${d.mount}: ${d.percent} %`),
    )
  const add = (
    level: Finding['level'],
    details: readonly string[],
    text: string,
    hint?: string,
  ): void => {
    if (details.length > 0)
      findings.push({
        level,
        text,
        details: some(details),
        ...(hint === undefined ? {} : { hint }),
      })
  }
  add(
    'degraded',
    full(10, 1000),
    'file systems that are nearly full: etcd and databases stop when theirs is',
    'df -h, du -xh -d2 /var | sort -h there; journalctl --vacuum-size=200M; k3s crictl rmi --prune',
  )
  add(
    'degraded',
    each((name, s) =>
      s.host.skewSeconds > 10 ? [`${name}: ${s.host.skewSeconds.toFixed(0)} s`] : [],
    ),
    'clocks that are wrong: certificates and tokens fail',
    'chronyc tracking, timedatectl there; is the time server up?',
  )
  add(
    'notice',
    each((name, s) =>
      s.host.skewSeconds > 1 && s.host.skewSeconds <= 10
        ? [`${name}: ${s.host.skewSeconds.toFixed(1)} s`]
        : [],
    ),
    'clocks that drift from the controller’s',
  )
  add('notice', full(0, 10), 'file systems that fill up')
  add(
    'notice',
    each((name, s) =>
      s.host.memoryPercent >= 95 ? [`${name}: ${s.host.memoryPercent} % used`] : [],
    ),
    'hosts that run out of memory',
  )
  add(
    'notice',
    each((name, s) => s.host.failedUnits.map(u => `${name}: ${u}`)),
    'failed units',
    'systemctl status UNIT there; when it is done with: systemctl reset-failed UNIT',
  )
  add(
    'notice',
    each((name, s) => (s.host.wantsReboot ? [name] : [])),
    'hosts that wait for a reboot to finish an update',
    'fmc play reboot --limit HOST',
  )
  add(
    'notice',
    each((name, s) => (s.host.rebootsItself ? [name] : [])),
    'hosts that may reboot by themselves whenever they like: locksmithd runs',
    'fmc play flatcar-update',
  )
  if (findings.length === 0)
    findings.push({
      level: 'fine',
      text: `hosts: ${c.hosts.filter(h => c.of(h.name)).length} answer; disks, memory, clocks and units as they should be`,
    })
  return findings
}

function certificates(c: Cloud): Finding[] {
  const seen = servers(c).flatMap(n => {
    const s = c.of(n)
    return s?.server ? [{ name: n, ...s.server, vars: s.vars }] : []
  })
  const findings: Finding[] = []
  const ending = seen.filter(
    s => s.certificateDays !== undefined && s.certificateDays < s.vars.health_certificate_days,
  )
  if (ending.length > 0) {
    const days = Math.min(...ending.map(s => s.certificateDays ?? 0))
    findings.push({
      level: days < 0 ? 'broken' : days < 7 ? 'degraded' : 'notice',
      text: days < 0 ? 'certificates of K3s have ended' : `certificates of K3s end in ${days} days`,
      details: ending.map(s => `${s.name}: ${s.certificateDays ?? 0} days`),
      hint: 'fmc play certificates (restarts the servers one by one; that renews them)',
    })
  }
  const ages = seen.flatMap(s => (s.snapshotHours === undefined ? [] : [s.snapshotHours]))
  const limit = seen[0]?.vars.health_snapshot_hours ?? 24
  const newest = Math.min(...ages)
  const running = seen.some(s => s.state.healthy)
  if (running && newest > limit)
    findings.push({
      level: 'notice',
      text:
        ages.length === 0
          ? 'there is no snapshot of etcd'
          : `the newest snapshot of etcd is ${Math.round(newest)} hours old`,
      hint: 'fmc play etcd-snapshot',
    })
  const days = Math.min(...seen.flatMap(s => s.certificateDays ?? []))
  if (findings.length === 0 && running)
    findings.push({
      level: 'fine',
      text: `certificates: ${Number.isFinite(days) ? `${days} days left` : 'not asked'}; newest snapshot of etcd ${newest < 1 ? 'within the hour' : `${Math.round(newest)} h old`}`,
    })
  return findings
}

/** What nobody knows must not look as if it were well. */
function unasked(c: Cloud): Finding[] {
  const details = servers(c).flatMap(n => (c.of(n)?.server?.unasked ?? []).map(u => `${n}: ${u}`))
  if (details.length === 0) return []
  return [
    {
      level: 'degraded',
      text: 'not everything could be asked: more may be wrong than is said here',
      details: some(details),
      hint: 'run it again; else ask there by hand',
    },
  ]
}

/** Runs of fmc that are under way or were cut off. */
function runs(c: Cloud): Finding[] {
  const owed = c.hosts.flatMap(h => (c.of(h.name)?.host.owed ?? []).map(o => `${h.name}: ${o}`))
  const busy = c.hosts.flatMap(h => {
    const by = c.of(h.name)?.host.lockedBy
    return by === undefined ? [] : [`${h.name}: ${by}`]
  })
  return [
    ...(busy.length > 0
      ? [
          {
            level: 'notice',
            text: 'fmc is at work: what is wrong above may be its doing',
            details: some(busy),
          } as const,
        ]
      : []),
    ...(owed.length > 0
      ? [
          {
            level: 'notice',
            text: 'a run was cut off and owes handlers',
            details: some(owed),
            hint: 'fmc play site makes up for it',
          } as const,
        ]
      : []),
  ]
}
