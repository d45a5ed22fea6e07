import type { Finding } from '../../../lib/index.ts'
import { healthy, is, list, servers, some, healthyServer, type Cloud } from './cloud.ts'

/** Nodes that are missing, not Ready, cordoned or outdated. */
export function nodes(c: Cloud): Finding[] {
  const seen = healthyServer(c)
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
      text: `${list(missing)} ${is(missing.length)} in the inventory, but not a node of the cluster`,
      hint: `fmc play site --limit ${missing.join(',')}`,
    })
  const cordoned = nodes.filter(n => n.cordoned).map(n => n.name)
  if (cordoned.length > 0)
    findings.push({
      level: 'notice',
      text: `cordoned: ${list(cordoned)}. No new pods start there`,
      hint: `left by an interrupted run? Run it again. Else: k3s kubectl uncordon ${cordoned.join(' ')}`,
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

/** Longhorn's volumes. */
export function volumes(c: Cloud): Finding[] {
  const seen = healthyServer(c)
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
        : 'Longhorn: volumes with too few copies',
      details: some(seen.sickVolumes),
      hint: faulted
        ? 'bring back the node with the last copy; else restore from a backup (roles/longhorn/README.md)'
        : 'Longhorn rebuilds them when the nodes are back; drain and reboot nothing until then',
    },
  ]
}

/** Pods that wait, fail, do not end or are not Ready. Without those of K3s itself, the cluster lacks its DNS, say. */
export function pods(c: Cloud): Finding[] {
  const seen = healthyServer(c)
  if (!seen || seen.pods === 0) return []
  const [sick] = seen.sickPods
  if (sick === undefined)
    return [{ level: 'fine', text: `pods: ${seen.pods}, none waits or fails` }]
  const [, namespace, name] = /^([\w.-]+)\/([\w.-]+): /.exec(sick) ?? []
  return [
    {
      level: seen.sickPods.some(p => p.startsWith('kube-system/')) ? 'degraded' : 'notice',
      text: `${seen.sickPods.length} of ${seen.pods} pods ${seen.sickPods.length === 1 ? 'does' : 'do'} not run as ${seen.sickPods.length === 1 ? 'it' : 'they'} should`,
      details: some(seen.sickPods),
      hint: `k3s kubectl -n ${namespace ?? 'NAMESPACE'} describe pod ${name ?? 'NAME'}   # on ${healthy(c)[0] ?? 'a server'}`,
    },
  ]
}
