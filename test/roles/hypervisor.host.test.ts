import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Host } from '../../lib/index.ts'
import {
  differences,
  networkXml,
  rivals,
  traits,
  uuidOf,
} from '../../roles/hypervisor/network/libvirt-networks.ts'
import { objections, parseCapacity } from '../../roles/hypervisor/host/preflight.ts'

const vm = (name: string, more: Partial<Host> = {}): Host =>
  ({ name, memoryMb: 2048, vcpu: 2, rootDiskGb: 20, disks: [], ...more }) as unknown as Host
const limits = {
  hypervisor_emulation: false,
  hypervisor_overcommit: false,
  hypervisor_reserved_mb: 1024,
  hypervisor_pool_path: '/var/lib/libvirt/images',
}
const has = { flags: true, kvm: true, cpus: 4, memory: 8192, disk: 102_400 }

void t.test('preflight', t => {
  const two = [vm('a'), vm('b')]
  t.strictSame(objections(two, has, limits), [])
  t.match(objections(two, { ...has, flags: false, kvm: false }, limits), [/neither vmx nor svm/])
  t.match(objections(two, { ...has, kvm: false }, limits), [/firmware/])
  const weak = { ...has, flags: false, kvm: false }
  t.strictSame(objections(two, weak, { ...limits, hypervisor_emulation: true }), [])
  const many = [...two, vm('c', { memoryMb: 4096, disks: [{ sizeGb: 80 }] as never })]
  t.strictSame(objections(many, has, limits), [
    'the 3 VMs need 8 GB of memory besides the 1 GB reserved for the host, 1 GB more than the 7 GB that the host has',
    'the 3 VMs need 6 of vCPU, 2 more than the 4 that the host has',
    'the 3 VMs need 140 GB of disk in /var/lib/libvirt/images, 40 GB more than the 100 GB that the host has',
  ])
  t.strictSame(objections(many, has, { ...limits, hypervisor_overcommit: true }), [])
  t.match(objections([vm('d', { memoryMb: undefined })], has, limits), [/d has no memory in/])
  t.strictSame(parseCapacity('yes no 2 4096000 1048576 2048\n'), {
    flags: true,
    kvm: false,
    cpus: 2,
    memory: 4000,
    disk: 1026,
  })
  t.throws(() => parseCapacity('yes no 2  1 2\n'), /cannot read the host's resources/)
  t.end()
})

const network = {
  name: 'k3s',
  mode: 'open',
  bridge: 'k3s',
  address: '10.17.4.1',
  prefix: 24,
} as const

void t.test('a network is compared by what counts', t => {
  const xml = networkXml(network)
  // As libvirt 9.0 prints it.
  const dumped = xml
    .replace('<network>', "<network connections='1'>")
    .replace("prefix='24'/>", "prefix='24'>\n  </ip>")
    .replace("<fmc:spec xmlns:fmc='urn:fmc' hash=", '<fmc:spec xmlns:fmc="urn:fmc" hash=')
  t.strictSame(differences(xml, dumped), [])
  t.strictSame(
    differences(
      networkXml({ ...network, mode: 'nat' }),
      networkXml({ ...network, mode: 'nat' }).replace(
        "<forward mode='nat'/>",
        "<forward mode='nat'>\n<nat><port start='1024' end='65535'/></nat></forward>",
      ),
    ),
    [],
  )
  t.strictSame(differences(networkXml(network, uuidOf('b')), xml), [], 'the UUID does not count')
  t.match(differences(networkXml({ ...network, bridge: 'other' }), dumped), [
    'bridge k3s → other',
    /^specification /,
  ])
  t.match(
    differences(
      xml,
      dumped.replace('</ip>', "<dhcp><range start='10.17.4.2' end='10.17.4.9'/></dhcp></ip>"),
    ),
    [/^elements .*dhcp.* → /],
  )
  t.equal(traits(xml)['mode'], 'open')
  t.match(uuidOf('a'), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(uuidOf('a'), uuidOf('a'))
  t.not(uuidOf('a'), uuidOf('b'))
  t.end()
})

void t.test('networks of libvirt that have the bridge or the address under another name', t => {
  const nets = {
    k3s: "<bridge name='k3s'/><ip address='10.17.4.1' prefix='24'/>",
    default: "<bridge name='virbr0'/><ip address='192.168.122.1'/>",
    'old k3s': "<bridge name='k3s' stp='on'/><ip address='10.99.0.1'/>",
    same: "<bridge name='virbr1'/><ip address='10.17.4.1' prefix='24'/>",
    near: "<bridge name='k3s2'/><ip address='10.17.4.11' prefix='24'/>",
  }
  const dir = t.testdir({
    virsh: `#!/bin/sh
shift 3; for last; do :; done
case $1 in
net-list) printf '%s \\n' ${Object.keys(nets)
      .map(n => `'${n}'`)
      .join(' ')} ;;
net-dumpxml) case $last in ${Object.entries(nets)
      .map(([n, xml]) => `'${n}') echo "${xml}" ;;`)
      .join(' ')} esac ;;
esac
`,
  })
  chmodSync(join(dir, 'virsh'), 0o755)
  const asked = (path: string) =>
    spawnSync('sh', ['-c', rivals(network)], {
      encoding: 'utf8',
      env: { PATH: `${path}/usr/bin:/bin` },
    })
      .stdout.split('\n')
      .map(n => n.trim())
  t.strictSame(asked(`${dir}:`), ['old k3s', 'same', ''])
  t.strictSame(asked(''), [''], 'no libvirt yet')
  t.end()
})
