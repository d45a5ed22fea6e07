import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { enterLab, sshCommand } from '../../lib/lab/enter.ts'
import { until } from '../rig/until.ts'
import { proveRole, rig, run, ROOT } from '../rig/lab.ts'
import { answers, outageOf } from '../rig/outage.ts'

const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  wan: { cidr: 198.51.100.0/24, mode: bridge, gateway: 198.51.100.1 }
  inner: { cidr: 10.17.3.0/24, mode: open, gateway: 10.17.3.1, router: hub }
  vpn: { cidr: 10.17.0.0/24, mode: wireguard, gateway: 10.17.0.1, router: hub }
hosts:
  hub:
    os: debian 12
    nics: [{ network: lan, address: 192.168.0.40 }]
    vars:
      wireguard_peers:
        - { name: laptop, address: 10.17.0.10, private_key: !secret wireguard_laptop, reaches: [inner] }
        # more
  vps:
    os: flatcar
    nics: [{ network: wan, address: 198.51.100.7 }, { network: vpn, address: 10.17.0.2 }]
  inside: { os: debian 12, nics: [{ network: inner, address: 10.17.3.9 }] }
  roamer: { os: flatcar, nics: [{ network: wan, address: 198.51.100.8 }] }
`
const ROLE = ['role', 'wireguard', 'hub,vps']

void t.test('a hub, a spoke and a road warrior in the lab', { timeout: 900_000 }, async t => {
  const inventory = join(t.testdir({}), 'inventory.yaml')
  writeFileSync(inventory, INVENTORY)
  const edit = (from: string, to: string) =>
    writeFileSync(inventory, readFileSync(inventory, 'utf8').replace(from, to))
  const r = await rig(t, 'wireguard', { inventory })
  const changes = (ran: { readonly changed: readonly string[] }) =>
    ran.changed.map(c => c.replace(' wireguard/', ': '))
  /** When the hub and the spoke have shaken hands. A road warrior that is silent may do so again at any time. */
  const shaken = async () => {
    const key = await r.text('vps', 'wg show wg0 public-key')
    return Number(await r.text('hub', `wg show wg0 latest-handshakes | grep -F ${key} | cut -f 2`))
  }
  /** wireguard-go tells its peers in any order. */
  const state = async () => {
    const each = ['hub', 'vps'].map(async h => [
      ...(await r.text(h, 'wg showconf wg0'))
        .split('\n\n')
        .map(p => p.trim())
        .sort(),
      await r.text(h, 'cat /etc/wireguard/wg0.conf; ip route'),
    ])
    return (await Promise.all(each)).flat().join('\n')
  }

  await t.test('from nothing, and again', async t => {
    const done = await proveRole(t, r, ...ROLE)
    t.ok(changes(done).includes('hub: file /etc/wireguard/wg0.conf'), done.changed.join())
    const before = await state()
    t.strictSame((await r.fmc(...ROLE)).changed, [])
    t.equal(await state(), before, 'a second run leaves it byte for byte as it is')
    const key = await r.text('vps', 'cat /etc/wireguard/wg0.key')
    t.notMatch(JSON.stringify(done.events) + done.stderr, key, 'a private key stays where it is')
    t.notMatch(await r.text('hub', 'cat /etc/wireguard/*'), key)
    t.equal(
      await r.text('vps', 'stat -c %a /etc/wireguard/wg0.key /etc/wireguard/wg0.conf'),
      '600\n600',
    )
  })

  await t.test('the spoke reaches the networks behind the hub through the tunnel', async t => {
    t.equal(
      await r.text('vps', 'ip -4 route get 10.17.3.9 | grep -o "dev wg0 src [0-9.]*"'),
      'dev wg0 src 10.17.0.2',
    )
    await r.text('inside', 'ping -c 1 -w 30 10.17.0.2')
    await r.text('vps', 'ping -c 1 -w 30 10.17.3.9')
  })

  await t.test('a road warrior with the output of `fmc wireguard client`', async t => {
    const asked = ['wireguard', 'client', 'laptop', '-i', inventory, '--lab', '--qr']
    const printed = await run([process.execPath, join(ROOT, 'lib/bin.js'), ...asked], {
      env: { FMC_LAB: r.name },
    })
    t.equal(printed.code, 0, printed.stderr)
    const [config = '', code] = printed.stdout.split('\n\n\x1b')
    t.match(code, /[█▀▄]{20}/, 'a QR code')
    await r.on('roamer', 'umask 077; cat >/etc/wireguard/wg0.conf; wg-quick up wg0', config)
    await r.text('roamer', 'ping -c 1 -w 30 10.17.3.9 && ping -c 1 -w 30 192.168.0.40')
    await r.text('roamer', 'ping -c 1 -w 30 10.17.0.2')
  })

  await t.test('a new peer and its network are added while a connection stays up', async t => {
    // One connection through the tunnel the whole time, on which the spoke keeps sending.
    await r.text(
      'vps',
      'systemd-run -q --collect socat TCP-LISTEN:7000,reuseaddr SYSTEM:"while sleep 0.1; do date; done"; until ss -Hltn sport = :7000 | grep -q .; do sleep 0.1; done',
    )
    const [command = '', ...args] = enterLab(
      r.state,
      sshCommand(r.state, 'inside', ['exec bash -c "cat </dev/tcp/10.17.0.2/7000"']),
    )
    const reader = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => reader.kill())
    let heard = 0
    reader.stdout.on('data', () => heard++)
    await until(() => Promise.resolve(heard > 3), 30, 'the connection')
    const before = await shaken()

    const phone = await r.text('roamer', 'wg genkey | wg pubkey')
    edit(
      '        # more',
      `        - { name: phone, address: 10.17.0.11, public_key: ${phone}, networks: [10.40.0.0/16] }`,
    )
    const done = await proveRole(t, r, ...ROLE)
    t.strictSame(changes(done), [
      'hub: file /etc/wireguard/wg0.conf',
      'hub: handler reload wireguard',
    ])
    t.match(
      done.tasks.flatMap(e => e.changes.map(c => c.what)),
      ['add the peer phone'],
    )
    t.match(
      await r.text('hub', 'ip -4 route show 10.40.0.0/16'),
      /^10.40.0.0\/16 dev wg0 scope link/,
    )
    const then = heard
    await until(() => Promise.resolve(heard > then + 3), 30, 'the connection lives')
    t.equal(reader.exitCode, null)
    const later = (await shaken()) - before
    // WireGuard itself takes new keys after 120 s.
    t.ok(later === 0 || later >= 120, `no tunnel was made anew: ${later} s`)
  })

  await t.test(
    'a route that swallows the way back to fmc is undone by the host itself',
    async t => {
      const before = await state()
      edit('networks: [10.40.0.0/16]', 'networks: [10.40.0.0/16, 192.168.0.1/32]')
      const { result: ran, seconds } = await outageOf(r, '192.168.0.40', () =>
        r.fmc(...ROLE, '-e', 'wireguard_guard_seconds=15'),
      )
      t.ok([2, 4].includes(ran.code), ran.failures.join('\n'))
      t.match(ran.failures.join('\n'), /undone at \S+Z|has fired|stopped answering|closed/)
      t.comment(`SSH answered again after ${seconds} s (guard of 15 s)`)
      t.ok(seconds > 5, 'it was cut off')
      await until(() => answers(r, '192.168.0.40'), 60, 'the hub answers again')
      edit('networks: [10.40.0.0/16, 192.168.0.1/32]', 'networks: [10.40.0.0/16]')
      t.equal(await state(), before)
      const next = await r.fmc(...ROLE)
      t.equal(next.code, 0, next.failures.join('\n'))
      t.equal(await state(), before)
    },
  )

  await t.test('changes by hand are predicted and undone without a restart', async t => {
    const since = await r.text(
      'hub',
      'systemctl show -P ActiveEnterTimestampMonotonic wg-quick@wg0',
    )
    await r.text(
      'hub',
      'wg set wg0 peer $(wg show wg0 allowed-ips | grep 10.17.0.11 | cut -f 1) remove; ip route del 10.40.0.0/16',
    )
    const done = await proveRole(t, r, ...ROLE)
    t.strictSame(changes(done), ['hub: interface wg0'])
    t.match(
      await r.text('hub', 'ip route; wg show wg0 allowed-ips'),
      /10\.40\.0\.0\/16 dev wg0[^]*10\.40\.0\.0\/16/,
    )
    await r.text(
      'hub',
      'sed -i s/51820/51999/ /etc/wireguard/wg0.conf; chmod 644 /etc/wireguard/wg0.conf',
    )
    const file = await r.fmc(...ROLE, '--dry-run')
    t.strictSame(changes(file), [
      'hub: file /etc/wireguard/wg0.conf',
      'hub: handler restart wireguard',
    ])
    const again = await r.fmc(...ROLE)
    t.equal(again.code, 0, again.failures.join('\n'))
    t.not(
      await r.text('hub', 'systemctl show -P ActiveEnterTimestampMonotonic wg-quick@wg0'),
      since,
    )
    t.equal(
      await r.text('hub', 'wg show wg0 listen-port; stat -c %a /etc/wireguard/wg0.conf'),
      '51820\n600',
    )
  })

  await t.test('removing a peer removes its route', async t => {
    edit(', networks: [10.40.0.0/16]', '')
    const done = await proveRole(t, r, ...ROLE)
    t.strictSame(changes(done), [
      'hub: file /etc/wireguard/wg0.conf',
      'hub: handler reload wireguard',
    ])
    t.equal(await r.text('hub', 'ip -4 route show 10.40.0.0/16'), '')
  })

  for (const by of ['ip link del wg0', 'ip link set wg0 down'])
    await t.test(`a missing interface is created again: ${by}`, async t => {
      await r.text('vps', by)
      t.strictSame(changes(await proveRole(t, r, ...ROLE)), ['vps: interface wg0'])
      await r.text('vps', 'ping -c 1 -w 30 10.17.3.9')
    })

  await t.test('a configuration that wg refuses never replaces the working one', async t => {
    const before = await state()
    edit(
      'private_key: !secret wireguard_laptop',
      'private_key: !secret wireguard_laptop, preshared_key: !secret not_a_key',
    )
    const ran = await r.fmc(...ROLE)
    t.equal(ran.code, 2)
    t.match(
      ran.failures.join('\n'),
      /Key is not the correct length or format[^]*wg does not accept the configuration/,
    )
    t.equal(await state(), before)
    t.equal(
      await r.text('hub', 'wg show interfaces; ls /etc/wireguard /run | grep -c fmc-[nw] || true'),
      'wg0\n0',
    )
    edit(', preshared_key: !secret not_a_key', '')
  })

  await t.test(
    'an endpoint by name gets its new address; without a name the timer ends',
    async t => {
      const at = (address: string) =>
        r.text('vps', `sed -i '/vpn.test/d' /etc/hosts; echo '${address} vpn.test' >>/etc/hosts`)
      const endpoint = () => r.text('vps', 'wg show wg0 endpoints | cut -f 2')
      await at('192.168.0.40')
      edit('gateway: 10.17.0.1, router: hub', 'gateway: 10.17.0.1, router: hub, endpoint: vpn.test')
      await proveRole(t, r, ...ROLE)
      t.equal(await r.text('vps', 'systemctl is-enabled fmc-wireguard-endpoints.timer'), 'enabled')
      await at('198.51.100.99')
      await r.text('vps', 'systemctl restart wg-quick@wg0')
      t.equal(await endpoint(), '198.51.100.99:51820')
      await at('192.168.0.40')
      await r.text('vps', 'systemctl start fmc-wireguard-endpoints')
      t.equal(await endpoint(), '192.168.0.40:51820')
      await r.text('vps', 'ping -c 1 -w 30 10.17.0.1')
      edit(', endpoint: vpn.test', '')
      await proveRole(t, r, ...ROLE)
      t.equal(
        await r.text('vps', 'systemctl is-active fmc-wireguard-endpoints.timer || :'),
        'inactive',
      )
    },
  )

  await t.test('the gate fails when the tunnel differs from its configuration', async t => {
    edit('address: 10.17.0.11,', 'address: 10.17.0.11, always_on: true,')
    const silent = await r.fmcInVain(...ROLE)
    t.equal(silent.code, 2)
    t.match(silent.failures.join('\n'), /no handshake with phone in the last 180 s/)
  })

  await t.test('a spoke whose hub has no key yet says so', async t => {
    await r.text('hub', 'systemctl stop wg-quick@wg0; rm -r /etc/wireguard')
    const alone = await r.fmcInVain('role', 'wireguard', 'vps')
    t.equal(alone.code, 2)
    t.match(alone.failures.join('\n'), /hub has no key yet: run the role wireguard there, too/)
  })
})
