import type { Finding } from '../../../lib/index.ts'
import { healthy, list, majority, servers, spare, healthyServer, type Cloud } from './cloud.ts'

/** K3s servers and etcd's members. */
export function etcd(c: Cloud): Finding[] {
  const all = servers(c)
  if (all.length === 0) return []
  const members = healthyServer(c)?.state.members
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
      hint: 'if the inventory lacks a server, add it. If a server was rebuilt: fmc play node-replace --limit NAME. If one is gone for good, on another server: k3s kubectl delete node NAME',
    })
  if (findings.length === 0 && down.length === 0)
    findings.push({
      level: 'fine',
      text: `etcd: ${voters} voters, all healthy; API ready on ${list(up)}`,
    })
  return findings
}

const reason = (c: Cloud, name: string): string => {
  const seen = c.of(name)
  if (!seen) return `${name}: ${c.lost.get(name) ?? 'was not asked'}`
  return `${name}: ${seen.server?.state.problem ?? 'is not a server'}`
}

/** K3s's certificates and etcd's snapshots. */
export function certificates(c: Cloud): Finding[] {
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
      hint: 'fmc play certificates   # restarts the servers one by one, which renews them',
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
