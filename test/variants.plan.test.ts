// Plans each of the five architectures from nothing: only the bare hypervisor and the VPS exist, which fmc does not create.
import { join } from 'node:path'
import t from 'tap'
import { loadInventory } from '../lib/inventory/load.ts'
import { matchPlay } from '../lib/inventory/patterns.ts'
import site from '../playbooks/site.ts'
import { rig, ROOT } from './rig/lab.ts'

const FILES = [
  'inventory.yaml',
  ...[1, 2, 3, 4].map(n => `test/inventories/architecture-${n}.yaml`),
] as const

for (const [n, file] of FILES.entries())
  void t.test(file, async t => {
    const path = join(ROOT, file)
    const inventory = await loadInventory(path, { cache: false })
    const all = [...inventory.hosts.values()]
    const machines = all.filter(h => h.vmOn === undefined).map(h => h.name)
    const planned = site.stages
      .flat()
      .flatMap(play => matchPlay(inventory, play.hosts).hosts.map(h => h.name))
    const r = await rig(t, `variants-${n}`, { inventory: path, hosts: machines })
    const ran = await r.fmc('play', 'site', '--dry-run')
    t.equal(ran.code, 0, ran.failures.join('\n') + ran.stderr)
    t.match(ran.recap, { failed: 0, unreachable: 0 })
    t.strictSame(
      Object.keys(ran.recap?.hosts ?? {}).sort(),
      [...new Set(planned)].sort(),
      'every host of the playbook is planned',
    )
    t.strictSame(
      [...(ran.recap?.new ?? [])].sort(),
      all
        .filter(h => h.vmOn !== undefined && planned.includes(h.name))
        .map(h => h.name)
        .sort(),
      'the VMs as those that will be made',
    )
    for (const { name, vmOn } of all) {
      if (vmOn !== undefined) t.ok(ran.changed.includes(`${vmOn} hypervisor/VM ${name}`), name)
      if (planned.includes(name))
        t.ok(
          ran.changed.some(c => c.startsWith(`${name} `)),
          name,
        )
    }
    t.comment(`${ran.changed.length} changes on ${planned.length} hosts`)
  })
