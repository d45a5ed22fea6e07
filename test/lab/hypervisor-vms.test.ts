import { join } from 'node:path'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { vmsToMake } from '../../lib/lab/doubles/hypervisor-vms.ts'

const today = await loadInventory(join(import.meta.dirname, '../../inventory.yaml'))

void t.test('the VMs that a lab’s hypervisor makes', t => {
  const table: readonly [machines: readonly string[], vms: readonly string[]][] = [
    [['hypervisor'], ['infra-cluster']],
    [['hypervisor', 'master1'], []],
    [[...today.hosts.keys()], []],
    [['master1'], []],
  ]
  for (const [machines, vms] of table)
    t.strictSame(vmsToMake(today, machines), vms, `with ${machines.join(', ')}`)
  t.end()
})
