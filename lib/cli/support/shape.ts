import type { RecordedRun } from '../../record/index.ts'
import type { Inventory } from '../../inventory/types.ts'

/** What an inventory looks like: names, sizes and relations, and no value of a variable. */
export const shapeOf = (inventory: Inventory): object => ({
  hosts: [...inventory.hosts.values()].map(h => ({
    ...{ name: h.name, os: h.os, groups: h.groups, vmOn: h.vmOn },
    networks: h.nics.map(n => n.network),
    ...{ vcpu: h.vcpu, memoryMb: h.memoryMb, disks: h.disks.length },
    ssh: { sudo: h.ssh.sudo, transport: h.ssh.transport, standardPort: h.ssh.port === 22 },
    variables: Object.keys(h.vars).sort(),
  })),
  groups: Object.fromEntries([...inventory.groups].map(([name, hosts]) => [name, hosts.length])),
  networks: [...inventory.networks.values()].map(n => ({
    ...{ name: n.name, mode: n.mode, prefix: n.prefix, router: n.router },
  })),
  vips: [...inventory.vips.values()].map(v => ({
    ...{ name: v.name, network: v.network, check: v.check, ports: v.ports.length },
    ...{ balancers: v.balancers, backends: v.backends },
  })),
  timezone: inventory.timezone,
  artifacts: Object.keys(inventory.artifacts),
})

/** The lines of a record, without the contents of files: diffs are left out. */
export function* recordLines(recorded: RecordedRun): Generator<object> {
  yield { type: 'version', fmc: recorded.fmc }
  yield recorded.run
  const { events, end } = recorded.read()
  for (const event of events)
    yield event.type === 'task'
      ? { ...event, changes: event.changes.map(({ what }) => ({ what })) }
      : event
  if (end) yield end
}
