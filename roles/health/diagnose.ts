import { matchHosts, type Finding, type Findings, type Page } from '../../lib/index.ts'
import { addresses } from './checks/addresses.ts'
import { drained } from './checks/drained.ts'
import type { Cloud } from './checks/cloud.ts'
import { certificates, etcd } from './checks/etcd.ts'
import { nodes, pods, volumes } from './checks/kubernetes.ts'
import { lostHosts } from './checks/lost-hosts.ts'
import { machines, services } from './checks/machines.ts'
import { runs, unasked } from './checks/runs.ts'
import { snapshots } from './checks/snapshots.ts'
import type { Seen } from './index.ts'

/** The page: what is wrong, most important first, then what is fine. */
export function page({ inventory, hosts, found, lost }: Findings): Page {
  const names = new Set(hosts.map(h => h.name))
  const patterns = new Set([...inventory.vips.values()].flatMap(v => [v.balancers, v.backends]))
  // A group that the checks name may be missing; the patterns of VIPs were checked when the inventory was read.
  const all = (group: string): readonly string[] =>
    inventory.groups.get(group) ??
    (patterns.has(group) ? matchHosts(inventory, group).map(h => h.name) : [])
  return diagnose({
    domain: inventory.domain,
    hosts,
    vips: [...inventory.vips.values()],
    in: group => all(group).filter(name => names.has(name)),
    all,
    of: host => found(host, 'health') as Seen | undefined,
    lost,
  })
}

const ORDER = ['broken', 'degraded', 'notice', 'fine'] as const

/** Runs all checks and sorts what they find. */
export function diagnose(cloud: Cloud): Page {
  const findings = [
    etcd,
    lostHosts,
    addresses,
    drained,
    nodes,
    volumes,
    services,
    pods,
    machines,
    certificates,
    snapshots,
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
