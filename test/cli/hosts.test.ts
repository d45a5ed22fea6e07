import t from 'tap'
import { hostsText } from '../../lib/cli/commands/hosts.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { fileWith, small } from '../inventory/helpers.ts'

void t.test('fmc hosts', async t => {
  const text = small(
    ['os: almalinux 9.5', 'os: almalinux 9.5, root_disk: 30GB, disks: [{ name: d, size: 40GB }]'],
    ['  db1: {', '  db1: { ssh: { user: core }, vars: { n: 1, pw: !secret pw },'],
  )
  const inventory = await loadInventory(fileWith(t, text))
  const show = (pattern: string, json = false): string => hostsText({ inventory, pattern, json })

  t.equal(
    show('all'),
    [
      'hv   192.168.0.40  rocky 9.5      4 vCPU  4 GB',
      'lb1  192.168.0.30  debian 12      1 vCPU  1 GB  lb',
      'lb2  192.168.0.31  debian 12      1 vCPU  1 GB  lb',
      'db1  10.17.3.14    almalinux 9.5  2 vCPU  1 GB  db',
    ].join('\n'),
  )
  t.equal(
    show('db'),
    [
      'db1',
      '  address  10.17.3.14',
      '  os       almalinux 9.5',
      '  ssh      core, port 22, sudo',
      '  eth0     10.17.3.14 in inner',
      '  size     2 vCPU, 1 GB, root disk 30 GB',
      '  disk d   40 GB at /dev/disk/by-id/virtio-d',
      '  VM of    hv',
      '  groups   all db',
      '  n        1',
      '  pw       "‹secret›"',
    ].join('\n'),
  )
  t.equal(show('lb:!lb'), 'no host matches lb:!lb')
  t.same(JSON.parse(show('lb:!lb', true)), [])
  const [db1] = JSON.parse(show('db', true)) as [Record<string, unknown>]
  t.match(db1, { name: 'db1', address: '10.17.3.14', vars: { n: 1, pw: '‹secret›' } })
  t.throws(() => show('dbb'), { name: 'UsageError', hint: 'did you mean db?' })
})
