import type { Finding } from '../../../lib/index.ts'
import type { Seen } from '../index.ts'
import { list, some, healthyServer, type Cloud } from './cloud.ts'

/** Units that must run on a host and do not, unless another check reports them. */
export function services(c: Cloud): Finding[] {
  const critical = (unit: string): string | undefined =>
    unit.startsWith('postgresql')
      ? 'the database is down'
      : {
          'nfs-server': 'NFS is down',
          coredns: 'DNS is down',
          named: 'DNS is down',
          krb5kdc: 'Kerberos is down',
          'dirsrv@*': "FreeIPA's directory is down",
        }[unit]
  const reportedElsewhere = new Set(['k3s', 'haproxy', 'keepalived'])
  const nodesDown = new Set(
    healthyServer(c)
      ?.state.nodes.filter(n => !n.ready)
      .map(n => n.name),
  )
  const down = new Map<string, string[]>()
  for (const h of c.hosts)
    for (const [unit, state] of Object.entries(c.of(h.name)?.host.units ?? {})) {
      if (state === 'active' || reportedElsewhere.has(unit)) continue
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
  const running = ['databases', 'storage', 'infra', 'ipa_servers']
    .flatMap(g => c.in(g))
    .filter(n => c.of(n))
  if (findings.length === 0 && running.length > 0)
    return [
      { level: 'fine', text: `database, NFS, DNS and time run on ${list([...new Set(running)])}` },
    ]
  return findings
}

/** Disks, memory, clocks, failed units. */
export function machines(c: Cloud): Finding[] {
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
  add('notice', full(0, 10), 'file systems that are filling up')
  add(
    'notice',
    each((name, s) =>
      s.host.memoryPercent >= 95 ? [`${name}: ${s.host.memoryPercent} % used`] : [],
    ),
    'hosts that are running out of memory',
  )
  add(
    'notice',
    each((name, s) => s.host.failedUnits.map(u => `${name}: ${u}`)),
    'failed units',
    'systemctl status UNIT there; when it is repaired: systemctl reset-failed UNIT',
  )
  const waiting = each((name, s) => (s.host.wantsReboot ? [name] : []))
  add(
    'notice',
    waiting,
    'hosts on which an update waits for a reboot',
    `fmc play reboot --limit ${waiting.join(',')}`,
  )
  add(
    'notice',
    each((name, s) => (s.host.rebootsItself ? [name] : [])),
    'hosts that may reboot by themselves at any time: locksmithd runs',
    'fmc play flatcar-update',
  )
  if (findings.length === 0)
    findings.push({
      level: 'fine',
      text: `hosts: ${c.hosts.filter(h => c.of(h.name)).length} answer; disks, memory, clocks and units as they should be`,
    })
  return findings
}
