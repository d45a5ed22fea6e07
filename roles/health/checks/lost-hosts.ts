import type { Finding } from '../../../lib/index.ts'
import { healthy, list, majority, servers, spare, healthyServer, type Cloud } from './cloud.ts'

/** Hosts that do not answer, with what depends on them. */
export function lostHosts(c: Cloud): Finding[] {
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
      const node = healthyServer(c)?.state.nodes.find(n => n.name === name)
      if (node)
        details.push(
          node.ready
            ? 'its node is still Ready: the host went down less than a minute ago, or only fmc cannot reach it'
            : 'its node is not Ready; its pods move after five minutes',
        )
      for (const vip of c.vips) {
        const others = c.in(vip.balancers).filter(n => n !== name && c.of(n)?.balancer?.haproxy)
        if (c.in(vip.balancers).includes(name))
          details.push(
            others.length > 0
              ? `${list(others)} can hold ${vip.name}, but no balancer could take over`
              : `no balancer is left to hold ${vip.name}`,
          )
      }
      for (const [group, what] of [
        ['databases', 'the database is down'],
        ['infra', 'DNS and time are down'],
        ['ipa_servers', 'FreeIPA is down: names, time, and logins of its users'],
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
