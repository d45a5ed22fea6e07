import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isSettled, nicsFor, type Wanted } from '../../roles/hypervisor/network/bridge.ts'
import { parseDevices, type Device } from '../../roles/hypervisor/network/devices.ts'
import { alongWith } from '../../roles/hypervisor/network/moving.ts'
import {
  ifupdown,
  networkd,
  nmstate,
  withoutStanzas,
  written,
} from '../../roles/hypervisor/network/network-managers.ts'

const eth0 = {
  name: 'eth0',
  mac: '52:54:00:00:00:01',
  kind: undefined,
  bridge: undefined,
  fixed: [] as readonly string[],
  autoconf: false,
  mtu: 1500,
}
const eth1 = { ...eth0, name: 'eth1', mac: '52:54:00:00:00:02', addresses: [] }
const held = { ...eth0, addresses: ['192.168.0.40/24', 'fe80::1/64'] }
const wanted: Wanted = {
  bridge: 'br0',
  address: '192.168.0.40',
  prefix: 24,
  gateway: '192.168.0.1',
  uplink: undefined,
}
const lan = {
  ...wanted,
  uplink: held,
  holder: undefined,
  nameservers: ['192.168.0.1'],
  others: [] as readonly string[],
  mtu: undefined,
  autoconf: false,
}

void t.test('which NIC goes into the bridge', t => {
  t.strictSame(nicsFor([held, eth1], wanted), { uplink: held, holder: undefined })
  t.strictSame(nicsFor([held, eth1], { ...wanted, uplink: eth1.mac }), {
    uplink: eth1,
    holder: held,
  })
  t.throws(() => nicsFor([eth1], wanted), /no NIC has 192.168.0.40; there are eth1/)
  t.throws(() => nicsFor([held], { ...wanted, uplink: 'eno1' }), /no NIC eno1; there are eth0/)
  const br0 = { ...held, name: 'br0', kind: 'bridge' }
  const port = { ...eth0, bridge: 'br0', addresses: [] }
  t.equal(isSettled([br0, port], wanted), true)
  t.equal(isSettled([br0, port, eth1], { ...wanted, uplink: 'eth1' }), false)
  t.equal(isSettled([br0, { ...port, bridge: undefined }], wanted), false)
  t.equal(isSettled([{ ...br0, kind: undefined }, port], wanted), false)
  t.equal(isSettled([{ ...br0, addresses: [] }, port], wanted), false)
  t.match(
    parseDevices(
      '[{"ifname":"br0","address":"aa","linkinfo":{"info_kind":"bridge"},"addr_info":[{"local":"10.0.0.1","prefixlen":8}]}]',
    ),
    [{ name: 'br0', kind: 'bridge', addresses: ['10.0.0.1/8'] }],
  )
  t.throws(() => parseDevices('Error: x'), /this is not JSON/)
  t.end()
})

void t.test('a concurrent reader sees the old file or the new one', t => {
  const dir = t.testdir({ bin: { sync: '#!/bin/sh\nexit 1\n' }, etc: { interfaces: 'old\n' } })
  chmodSync(join(dir, 'bin/sync'), 0o755)
  const path = join(dir, 'etc/interfaces')
  const write = (more: string) =>
    spawnSync('sh', ['-ec', written({ [path]: 'new\n', [join(dir, 'a/b')]: 'x' })], {
      env: { PATH: `${more}${process.env['PATH'] ?? ''}` },
    }).status
  t.equal(write(`${join(dir, 'bin')}:`), 1, 'interrupted before it was whole')
  t.equal(readFileSync(path, 'utf8'), 'old\n')
  t.equal(spawnSync('sh', ['-c', `echo ${dir}/etc/*`]).stdout.toString(), `${path}\n`)
  t.equal(write(''), 0)
  t.equal(readFileSync(path, 'utf8'), 'new\n')
  t.equal(readFileSync(join(dir, 'a/b'), 'utf8'), 'x')
  t.end()
})

void t.test('configuration for the network managers', t => {
  const { files } = networkd(lan)
  t.match(
    files['/etc/systemd/network/10-fmc-br0.network'],
    /Address=192.168.0.40\/24\nGateway=192.168.0.1\nDNS=/,
  )
  t.match(
    files['/etc/systemd/network/10-fmc-uplink.network'],
    /MACAddress=52:54:00:00:00:01\n[^]*Bridge=br0\n/,
  )
  t.equal(files['/etc/systemd/network/10-fmc-old.network'], undefined)
  t.match(
    networkd({ ...lan, uplink: eth1, holder: held }).files[
      '/etc/systemd/network/10-fmc-old.network'
    ],
    /MACAddress=52:54:00:00:00:01/,
  )
  const old = `auto lo eth0
iface lo inet loopback

auto eth0
# the LAN
iface eth0 inet static
  address 192.168.0.40/24

iface eth1 inet dhcp
`
  t.equal(
    withoutStanzas(old, ['eth0']),
    `auto lo eth0
iface lo inet loopback

# fmc: auto eth0
# the LAN
# fmc: iface eth0 inet static
# fmc:   address 192.168.0.40/24

iface eth1 inet dhcp
source /etc/network/interfaces.d/*
`.replace('auto lo eth0', 'auto lo'),
  )
  const recipe = ifupdown(lan, old)
  t.match(recipe.files['/etc/network/interfaces.d/fmc-br0'], /iface br0 inet static\n {2}address/)
  const odd = ifupdown({ ...lan, uplink: { ...held, name: 'x;reboot' } }, old)
  t.match(
    odd.files['/etc/network/interfaces.d/fmc-br0'],
    "pre-up ip link set dev 'x;reboot' master br0 up",
    'a name is one word for the shell that ifup gives the line to',
  )
  t.match(recipe.apply, /ifdown --force eth0[^]*ifup br0/)
  t.match(nmstate(lan).apply, /--no-commit --timeout 120/)
  t.end()
})

/** `ip -j -d addr show` of a NIC that has more than the LAN's address. */
const device = (more: object, ...addresses: readonly object[]): Device => {
  const [parsed] = parseDevices(
    JSON.stringify([
      {
        ifname: 'eth0',
        address: '52:54:00:00:00:01',
        mtu: 1500,
        addr_info: [{ local: '192.168.0.40', prefixlen: 24, scope: 'global' }, ...addresses],
        ...more,
      },
    ]),
  )
  if (!parsed) throw new Error('no device')
  return parsed
}
const along = (uplink: Device, holder?: Device) =>
  alongWith({ uplink, holder }, { ...wanted, vips: ['192.168.0.32'] })
const second = { local: '192.168.0.41', prefixlen: 24, scope: 'global', secondary: true }
const slaac = { local: '2001:db8::1', prefixlen: 64, scope: 'global', dynamic: true }

void t.test('what moves to the bridge with the address', t => {
  const none = { others: [], mtu: undefined, autoconf: false }
  t.strictSame(along(device({})), none)
  t.strictSame(along(device({ linkinfo: { info_kind: 'veth' } })), none, 'the lab')
  t.strictSame(along(device({}, second)), { ...none, others: ['192.168.0.41/24'] })
  t.strictSame(along(device({}, { ...second, dynamic: true })), none, 'a lease is not configured')
  t.strictSame(
    along(device({}, { ...second, local: '192.168.0.32' })),
    none,
    'a VIP moves by itself',
  )
  t.strictSame(along(device({ mtu: 9000 })), { ...none, mtu: 9000 })
  t.strictSame(along(device({}, slaac)), { ...none, autoconf: true })
  t.strictSame(along(device({}, { local: 'fe80::1', prefixlen: 64, scope: 'link' })), none)
  t.strictSame(along({ ...eth1 }, device({}, second)), { ...none, others: ['192.168.0.41/24'] })
  t.end()
})

void t.test('what fmc would not keep is refused with the reason', t => {
  const kind = (info_kind: string) => device({ ifname: `${info_kind}0`, linkinfo: { info_kind } })
  for (const k of ['bond', 'vlan', 'team', 'bridge', 'macvlan', 'wireguard'])
    t.throws(() => along(kind(k)), {
      message: `fmc does not put it into the bridge br0: ${k}0 is no plain NIC but a ${k}`,
      hint: /make the bridge br0 with 192\.168\.0\.40 by hand/,
    })
  t.throws(
    () => along(device({}), kind('vlan')),
    /vlan0 is no plain NIC/,
    'the one with the address',
  )
  t.throws(() => along(device({ master: 'bond0' })), /eth0 is a part of bond0/)
  t.throws(
    () => along(device({}, { ...slaac, dynamic: undefined })),
    /eth0 has a fixed IPv6 address \(2001:db8::1\/64\)/,
  )
  t.end()
})

void t.test('every network manager gets what moves', t => {
  const more = { ...lan, others: ['192.168.0.41/24'], mtu: 9000, autoconf: true }
  const { files } = networkd(more)
  t.match(
    files['/etc/systemd/network/10-fmc-br0.netdev'],
    /MACAddress=.*\nMTUBytes=9000\n\[Bridge\]/,
  )
  t.match(
    files['/etc/systemd/network/10-fmc-br0.network'],
    /Address=192\.168\.0\.40\/24\nAddress=192\.168\.0\.41\/24\n[^]*IPv6AcceptRA=yes\n/,
  )
  t.match(
    files['/etc/systemd/network/10-fmc-uplink.network'],
    /Bridge=br0\n\[Link\]\nMTUBytes=9000\n/,
  )
  const interfaces = ifupdown(more, '').files['/etc/network/interfaces.d/fmc-br0'] ?? ''
  t.match(
    interfaces,
    /pre-up ip link set dev eth0 mtu 9000\n {2}pre-up ip link set dev br0 mtu 9000/,
  )
  t.match(interfaces, / {2}up ip addr replace 192\.168\.0\.41\/24 brd \+ dev br0\n/)
  t.match(interfaces, /\niface br0 inet6 auto\n$/)
  const [, state = '{}'] = /printf %s '(.*)' \|/.exec(nmstate(more).apply) ?? []
  t.match(JSON.parse(state), {
    interfaces: [
      {
        name: 'br0',
        mtu: 9000,
        ipv4: {
          address: [
            { ip: '192.168.0.40', 'prefix-length': 24 },
            { ip: '192.168.0.41', 'prefix-length': 24 },
          ],
        },
        ipv6: { enabled: true, autoconf: true },
      },
      { name: 'eth0', mtu: 9000 },
    ],
  })
  t.notMatch(nmstate(lan).apply, /mtu|autoconf/)
  t.end()
})
