import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { megabytes } from '../../lib/inventory/resolve.ts'
import { generateHostKey } from '../../lib/ssh/host-key.ts'
import { cloudInit } from '../../roles/hypervisor/vm/cloud-init.ts'
import { addedDisks, domainXml, driftOf, type Machine } from '../../roles/hypervisor/vm/domain.ts'
import { guestOf, nameservers, type Guest } from '../../roles/hypervisor/vm/guest.ts'
import { ignition } from '../../roles/hypervisor/vm/ignition.ts'
import { ownOf, stays } from '../../roles/hypervisor/vm/vm-resource.ts'
import { readDomains, type FoundDomain } from '../../roles/hypervisor/vm/survey.ts'
import { VIRSH } from '../../roles/hypervisor/host/virsh.ts'
import { makeVolumes, readPools } from '../../roles/hypervisor/vm/volumes.ts'
import { parseXml } from '../../roles/hypervisor/host/xml.ts'
import { ROOT } from '../rig/lab.ts'

const today = await loadInventory(join(ROOT, 'inventory.yaml'))
const hostOf = (name: string) => {
  const host = today.hosts.get(name)
  if (!host) throw new Error(`no ${name}`)
  return host
}
const guest: Guest = {
  name: 'infra-cluster',
  domain: 'cloud.internal',
  user: 'almalinux',
  nics: [
    {
      device: 'eth0',
      mac: '52:54:00:aa:bb:cc',
      address: '10.17.3.11/24',
      gateway: '10.17.3.1',
      routes: [],
    },
  ],
  dns: ['1.1.1.1'],
}
const keys = { private: 'KEY\n', public: 'ssh-ed25519 AAAA', authorized: ['ssh-ed25519 BBBB me'] }

t.test('a guest’s first-boot configuration, from the inventory', t => {
  const told = (name: string) => {
    const { nics } = guestOf(hostOf(name), today, [])
    return nics.map(({ address, gateway, routes }) => ({ address, gateway, routes }))
  }
  t.strictSame(told('infra-cluster'), [
    { address: '10.17.3.11/24', gateway: '10.17.3.1', routes: [] },
  ])
  t.strictSame(told('loadbalancer1'), [
    {
      address: '192.168.0.30/24',
      gateway: '192.168.0.1',
      routes: [
        { to: '10.17.3.0/24', via: '192.168.0.40' },
        { to: '10.17.4.0/24', via: '192.168.0.40' },
        { to: '10.17.0.0/24', via: '192.168.0.40' },
      ],
    },
  ])
  const [infra, master] = [hostOf('infra-cluster'), hostOf('master1')]
  t.strictSame(nameservers(master, [infra], ['9.9.9.9']), ['10.17.3.11'])
  t.strictSame(nameservers(infra, [infra], ['9.9.9.9']), ['9.9.9.9'], 'not itself')
  t.strictSame(nameservers(master, [], ['9.9.9.9']), ['9.9.9.9'])
  t.end()
})

t.test('cloud-init', t => {
  const files = cloudInit(guest, keys, 'uuid-1')
  t.match(files['user-data'], /^#cloud-config\n\{/)
  t.match(JSON.parse(files['user-data'].replace('#cloud-config\n', '')), {
    hostname: 'infra-cluster',
    fqdn: 'infra-cluster.cloud.internal',
    disable_root: true,
    ssh_pwauth: false,
    ssh_keys: { ed25519_private: 'KEY\n', ed25519_public: 'ssh-ed25519 AAAA' },
    users: [
      {
        name: 'almalinux',
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        lock_passwd: true,
        ssh_authorized_keys: ['ssh-ed25519 BBBB me'],
      },
    ],
  })
  t.strictSame(JSON.parse(files['meta-data']), {
    'instance-id': 'uuid-1',
    'local-hostname': 'infra-cluster',
  })
  t.strictSame(JSON.parse(files['network-config']), {
    version: 2,
    ethernets: {
      eth0: {
        match: { macaddress: '52:54:00:aa:bb:cc' },
        'set-name': 'eth0',
        dhcp4: false,
        addresses: ['10.17.3.11/24'],
        gateway4: '10.17.3.1',
        nameservers: { addresses: ['1.1.1.1'], search: ['cloud.internal'] },
      },
    },
  })
  const asRoot = cloudInit({ ...guest, user: 'root' }, keys, 'u')['user-data']
  t.match(asRoot, /"disable_root": false/)
  t.notMatch(asRoot, /NOPASSWD/)
  t.end()
})

t.test('Ignition accepts it and applies it in a scratch root', t => {
  const dir = t.testdir({
    root: { etc: { selinux: { config: 'SELINUXTYPE=none\n' } }, home: { core: {} } },
    bin: { setfiles: '#!/bin/sh\ncat >/dev/null\n' },
  })
  const root = join(dir, 'root')
  const sh = (script: string) => execFileSync('sh', ['-ec', script], { cwd: dir, stdio: 'pipe' })
  sh('apt-get -qq download ignition 2>/dev/null && dpkg-deb -x ignition_*.deb ignition')
  const pair = generateHostKey('master1')
  const config = join(dir, 'config.ign')
  const flatcar = { ...guest, name: 'master1', user: 'core' }
  writeFileSync(config, ignition(flatcar, { ...keys, ...pair }))
  const validate = (file: string) =>
    spawnSync(join(dir, 'ignition/usr/bin/ignition-validate'), [file], { encoding: 'utf8' })
  t.match(validate(config), { status: 0, stdout: '', stderr: '' }, 'valid, without a warning')
  writeFileSync(
    join(dir, 'bad.ign'),
    '{"ignition": {"version": "3.3.0"}, "storage": {"files": [{}]}}',
  )
  t.not(validate(join(dir, 'bad.ign')).status, 0)

  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\ncore:x:500:500::/home/core:/bin/sh\n',
  )
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\ncore:x:500:\n')
  for (const name of ['shadow', 'gshadow']) writeFileSync(join(root, 'etc', name), '')
  chownSync(join(root, 'home/core'), 500, 500)
  for (let up = dir; up.startsWith(ROOT); up = join(up, '..')) chmodSync(up, 0o755)
  chmodSync(join(dir, 'bin/setfiles'), 0o755)
  mkdirSync(join(dir, 'run'))
  const stage = (name: string) =>
    spawnSync(
      join(dir, 'ignition/usr/lib/dracut/modules.d/30ignition/ignition'),
      [
        ...['-platform', 'file', '-stage', name, '-root', root, '-log-to-stdout'],
        ...['config-cache', 'state-file', 'neednet'].flatMap(f => [`-${f}`, join(dir, 'run', f)]),
      ],
      {
        encoding: 'utf8',
        env: {
          PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`,
          IGNITION_CONFIG_FILE: config,
        },
      },
    )
  for (const name of ['fetch', 'files']) {
    const { status, stdout } = stage(name)
    t.equal(status, 0, `${name}: ${status === 0 ? '' : stdout}`)
  }
  const text = (path: string) => readFileSync(join(root, path), 'utf8')
  t.equal(text('etc/hostname'), 'master1\n')
  t.equal(text('etc/ssh/ssh_host_ed25519_key'), pair.private)
  t.match(
    sh(
      `stat -c %a root/etc/ssh/ssh_host_ed25519_key; readlink root/etc/systemd/system/locksmithd.service`,
    ).toString(),
    '600\n/dev/null\n',
  )
  t.match(text('home/core/.ssh/authorized_keys.d/ignition'), 'ssh-ed25519 BBBB me')
  t.match(
    text('etc/systemd/network/10-eth0.network'),
    /MACAddress=52:54:00:aa:bb:cc[\s\S]*Address=10\.17\.3\.11\/24\nGateway=10\.17\.3\.1\nDNS=1\.1\.1\.1\nDomains=cloud\.internal\n/,
  )
  t.match(text('etc/flatcar/update.conf'), 'SERVER=disabled')
  t.equal(
    sh('ssh-keygen -y -f root/etc/ssh/ssh_host_ed25519_key').toString().trim(),
    `${pair.public} master1`,
  )
  t.end()
})

const machine: Machine = {
  name: 'infra-cluster',
  uuid: '11111111-1111-5111-8111-111111111111',
  memoryMb: 512,
  vcpus: 1,
  emulation: false,
  disks: [
    { file: '/pool/infra-cluster.qcow2', serial: 'root' },
    { file: '/pool/infra-cluster-data.qcow2', serial: 'data' },
  ],
  nics: [{ mac: '52:54:00:aa:bb:cc', source: 'network kube_network_02' }],
  firstBoot: { kind: 'cloud-init', iso: '/pool/infra-cluster-seed.iso' },
  console: '/var/log/x.log',
  notes: { created: 1000, image: 'image 1', guest, disks: { '/pool/infra-cluster.qcow2': 32 } },
}

/** What virsh says of a domain: with libvirt's additions. */
const answer = (m: Machine, change = (xml: string) => xml, state = 'running'): string => {
  const kept = change(
    domainXml(m)
      .replace(/<memory unit='MiB'>(\d+)</, (_, mb) => `<memory unit='KiB'>${Number(mb) * 1024}<`)
      .replace(
        /( *)<vcpu>(\d+)/,
        `$1<currentMemory unit='KiB'>${m.memoryMb * 1024}</currentMemory>\n$1<vcpu placement='static'>$2`,
      ),
  )
  return `Id:             1\nName:           ${m.name}\nState:          ${state}\nAutostart:      enable\n\n${kept}\n${kept.replace('<domain ', "<domain id='1' ")}\n`
}
const found = (m: Machine, change?: (xml: string) => string, state?: string): FoundDomain => {
  const [domain] = readDomains(answer(m, change, state))
  if (!domain) throw new Error('nothing was read')
  return domain
}

t.test('the parser reads what fmc wrote', t => {
  t.match(found(machine), {
    name: 'infra-cluster',
    uuid: machine.uuid,
    state: 'running',
    autostart: true,
    memoryKb: 512 * 1024,
    vcpus: 1,
    nics: machine.nics,
    notes: machine.notes,
  })
  t.strictSame(driftOf(machine, found(machine)), [])
  const drive = (source: string) => (xml: string) =>
    xml.replace(
      '</devices>',
      `<disk type='file' device='cdrom'>${source}<target dev='sda' bus='sata'/></disk></devices>`,
    )
  for (const source of ["<source file='/iso/shared.iso'/>", ''])
    t.strictSame(found(machine, drive(source)), found(machine), 'a CD is no disk of it')
  const other = { ...machine, name: 'b', uuid: '0b0e7a5c-8a37-4b4f-9a4e-0123456789ab' }
  t.equal(readDomains(answer(machine) + answer(other)).length, 2)
  for (const same of ['name', 'uuid'] as const)
    t.throws(
      () => readDomains(answer(machine) + answer({ ...other, [same]: machine[same] })),
      new RegExp(`a ${same} occurs twice`),
    )
  t.match(domainXml({ ...machine, emulation: true }), /type='qemu'[\s\S]*<cpu mode='maximum'/)
  t.match(
    domainXml({ ...machine, firstBoot: { kind: 'ignition', file: '/pool/a.ign' } }),
    "<entry name='opt/org.flatcar-linux/config' file='/pool/a.ign'/>",
  )
  t.throws(() => readDomains('Id: 1\nState: running\n'), /unexpected/)
  t.throws(() => parseXml('<a><b></a>'), /not XML/)
  t.throws(() => parseXml('<a>'), /not XML/)
  t.end()
})

t.test('drift', t => {
  const drift = (change: (xml: string) => string, state?: string, wanted: Machine = machine) =>
    driftOf(wanted, found(machine, change, state))
  const replace = (from: RegExp | string, to: string) => (xml: string) => xml.replace(from, to)
  const same = (xml: string) => xml
  t.strictSame(drift(replace(/(currentMemory unit='KiB'>)\d+/, '$1409600')), [
    'it has only 400 MB of its 512 MB (virsh setmem)',
  ])
  t.match(drift(replace("<vcpu placement='static'>1", "<vcpu placement='static'>2")), [
    'vCPUs are 2 instead of 1',
  ])
  t.match(drift(same, 'paused'), ['it is paused'])
  t.strictSame(drift(same, 'shut off'), [])
  t.match(drift(same, 'running', { ...machine, memoryMb: 1024 }), [
    'memory is 512 MB instead of 1024 MB',
  ])
  t.match(drift(replace('/pool/infra-cluster-data.qcow2', '/elsewhere.qcow2')), [
    /elsewhere.qcow2 is not in the inventory/,
  ])
  t.match(drift(replace('<serial>data<', '<serial>other<')), [/another serial than data/])
  t.match(drift(replace("network='kube_network_02'", "network='default'")), [
    /is in network default instead of network kube_network_02/,
  ])
  t.match(drift(replace("<mac address='52:54:00:aa:bb:cc'", "<mac address='52:54:00:00:00:01'")), [
    /there is no network card 52:54:00:aa:bb:cc/,
    /52:54:00:00:00:01 is not in the inventory/,
  ])
  const notes = (more: object) => ({ ...machine, notes: { ...machine.notes, ...more } })
  t.match(drift(same, 'running', notes({ disks: { '/pool/infra-cluster.qcow2': 50 } })), [
    /32 GB instead of 50 GB/,
  ])
  t.match(drift(same, 'running', notes({ guest: { ...guest, dns: ['10.17.3.11'] } })), [
    /first-boot configuration differs \(dns\): recreate required.*hypervisor_recreate.*infra-cluster/,
  ])
  t.match(drift(same, 'running', notes({ authorized: ['k'] })), [
    /\(authorized keys\): recreate required/,
  ])
  t.end()
})

t.test('an added disk gets a free slot', t => {
  const two = found(machine)
  const more = { ...machine, disks: [...machine.disks, { file: '/pool/new.qcow2', serial: 'new' }] }
  const [added, ...others] = addedDisks(more, two)
  t.strictSame(others, [])
  t.match(added, {
    disk: { serial: 'new' },
    xml: /<target dev='vdc' bus='virtio'\/>[\s\S]*<serial>new</,
  })
  t.strictSame(driftOf(more, two), [])
  const elsewhere = found(machine, xml => xml.replaceAll('/pool/', '/other/'))
  t.strictSame(addedDisks(machine, elsewhere), [], 'not where the files are others')
  t.match(driftOf(machine, elsewhere), [/\/pool\/infra-cluster.qcow2 is not attached/])
  t.end()
})

t.test('domains that belong to others', t => {
  const noted = (text: string) => (xml: string) =>
    xml.replace(/(<fmc:machine [^>]*>)[^<]*/, (_, start: string) => start + text)
  for (const text of [
    'null',
    '{}',
    '[1',
    JSON.stringify({ ...machine.notes, created: 'yesterday' }),
    JSON.stringify({ ...machine.notes, guest: { ...guest, nics: [{}] } }),
    JSON.stringify({ ...machine.notes, created: undefined, made: 1000 }),
  ]) {
    const odd = found(machine, noted(text.replaceAll('"', '&quot;')))
    t.equal(odd.notes, undefined, text)
    t.notOk(stays(odd), 'it is unknown whose it is')
    t.throws(() => ownOf(machine, [odd]), /or whose notes were changed/)
  }
  t.ok(stays(found(machine)))
  t.ok(stays(found(machine), 1000))
  t.notOk(stays(found(machine), 1001))
  const other = { ...machine, name: 'other', uuid: '22222222-2222-5222-8222-222222222222' }
  const own = (all: readonly FoundDomain[]) => () => ownOf(machine, all)
  t.equal(ownOf(machine, []), undefined)
  t.equal(ownOf(machine, [found(machine)])?.name, 'infra-cluster')
  t.throws(
    own([found(machine, xml => xml.replace(/<metadata>.*<\/metadata>/, ''))]),
    /the name infra-cluster belongs to the domain infra-cluster .*fmc did not create/,
  )
  t.throws(own([found({ ...other, uuid: machine.uuid })]), /the UUID of infra-cluster/)
  t.throws(
    own([found(other)]),
    /52:54:00:aa:bb:cc, the MAC of infra-cluster, belongs to the domain other/,
  )
  const elsewhere = { ...other, nics: [{ mac: '52:54:00:00:00:09', source: 'network x' }] }
  t.throws(
    own([found(elsewhere)]),
    /10.17.3.11\/24, the address of infra-cluster, belongs to the domain other/,
  )
  t.end()
})

t.test('libvirt is restarted while virsh waits for its answer', t => {
  const EOF = 'Disconnected from qemu:///system due to end of file'
  const table: readonly [command: string, lost: string, then: string, code: number][] = [
    ['start', EOF, 'Domain is already active', 0],
    ['start', '', 'Domain is already active', 1],
    ['start', EOF, 'no space left', 1],
    [
      'net-start',
      'End of file while reading data: Input/output error',
      'network is already active',
      0,
    ],
    ['net-start', 'Cannot recv data: Connection reset by peer', 'network is already active', 0],
    ['destroy', 'Cannot write data: Broken pipe', 'domain is not running', 0],
    ['destroy', 'internal error: client socket is closed', 'domain is not running', 0],
    ['undefine', EOF, "failed to get domain 'a'", 0],
    ['dominfo', EOF, "failed to get domain 'a'", 1],
  ]
  for (const [command, lost, then, code] of table) {
    const dir = t.testdir({
      virsh: `#!/bin/sh
[ -e "$TRIED" ] || [ -z '${lost}' ] || { : >"$TRIED"; echo 'error: ${lost}'; exit 1; }
echo "error: ${then}"; exit 1
`,
    })
    chmodSync(join(dir, 'virsh'), 0o755)
    const env = { PATH: `${dir}:${process.env['PATH'] ?? ''}`, TRIED: join(dir, 'tried') }
    const { status } = spawnSync('sh', ['-ec', `${VIRSH}v ${command} a`], { env })
    t.equal(status, code, `${command}: ${[lost, then].join(', then ')}`)
  }
  t.end()
})

t.test('a missing socket ends the retries of virsh sooner than a restart of libvirt', t => {
  const dir = t.testdir({
    virsh: `#!/bin/sh
echo x >>"$TRIES"; echo "error: Failed to connect socket to '/run/s': No such file or directory"; exit 1
`,
  })
  chmodSync(join(dir, 'virsh'), 0o755)
  const env = { PATH: `${dir}:${process.env['PATH'] ?? ''}`, TRIES: join(dir, 'tries') }
  const { status } = spawnSync('sh', ['-ec', `${VIRSH}v list`], { env })
  t.equal(status, 1)
  t.equal(readFileSync(env.TRIES, 'utf8'), 'x\n'.repeat(5))
  t.end()
})

t.test('volumes and pools', t => {
  t.strictSame(
    readPools(
      "# fmc Name: fmc State: running Persistent: yes Autostart: yes Capacity: 1\n<pool type='dir'><target><path>/pool</path></target></pool>\n# b State: inactive Autostart: no \n<pool><target><path>/b</path></target></pool>\n",
    ),
    [
      { name: 'fmc', path: '/pool', running: true, autostart: true },
      { name: 'b', path: '/b', running: false, autostart: false },
    ],
  )
  const script = makeVolumes([
    { file: '/pool/a.qcow2', gigabytes: 32, image: '/pool/image.qcow2' },
    { file: '/pool/a-data.qcow2', gigabytes: 40 },
    { file: '/pool/a-log.qcow2', gigabytes: megabytes('500MB') / 1024 },
  ])
  t.match(script, 'qemu-img create -q -f qcow2 -F qcow2 -b /pool/image.qcow2')
  for (const size of [32 * 1024 ** 3, 40 * 1024 ** 3, 500 * 1024 ** 2])
    t.match(script, new RegExp(` ${size}; chmod`), 'as preflight and the inventory count')
  t.match(script, /\[ -e \/pool\/a-data.qcow2 \] \|\|/, 'a data disk that is there stays')
  t.equal(spawnSync('sh', ['-n'], { input: script }).status, 0)
  t.end()
})
