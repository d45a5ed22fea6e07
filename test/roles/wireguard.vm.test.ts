// The VPN with the kernel's own WireGuard, between two machines of the lab that have a kernel of their own.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { proveRole, rig } from '../rig/lab.ts'
import { skipVm } from '../rig/vm.ts'

const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  wan: { cidr: 198.51.100.0/24, mode: bridge, gateway: 198.51.100.1 }
  vpn: { cidr: 10.17.0.0/24, mode: wireguard, gateway: 10.17.0.1, router: hub }
hosts:
  hub: { os: debian 12, nics: [{ network: lan, address: 192.168.0.40 }] }
  vps:
    os: debian 12
    nics: [{ network: wan, address: 198.51.100.7 }, { network: vpn, address: 10.17.0.2 }]
`
const HOSTS = ['hub', 'vps']
const ROLE = ['role', 'wireguard', 'hub,vps']

void t.test('kernel WireGuard between two VMs', { skip: skipVm, timeout: 1_800_000 }, async t => {
  const inventory = join(t.testdir({}), 'inventory.yaml')
  writeFileSync(inventory, INVENTORY)
  const r = await rig(t, 'wireguard-vm', { inventory, vm: HOSTS })
  const state = async () =>
    (
      await Promise.all(
        HOSTS.map(h => r.text(h, 'wg showconf wg0; cat /etc/wireguard/wg0.conf; ip route')),
      )
    ).join('\n')

  await proveRole(t, r, ...ROLE)
  for (const host of HOSTS) {
    t.match(await r.text(host, 'ip -d link show wg0; ls -d /sys/module/wireguard'), /wireguard/)
    t.not((await r.on(host, 'pgrep wireguard-go')).code, 0, `${host}: it is the kernel's`)
    t.comment(`${host}: Linux ${await r.text(host, 'uname -r')}`)
  }
  const before = await state()
  t.strictSame((await r.fmc(...ROLE)).changed, [])
  t.equal(await state(), before, 'a second run leaves it byte for byte as it is')
  t.match(await r.text('vps', 'ping -c 5 -i 0.2 -W 5 10.17.0.1'), /, 0% packet loss/)
  t.match(await r.text('hub', 'wg show wg0 latest-handshakes'), /\t[1-9]\d+$/m)

  const booted = await r.fmc('role', 'reboot', 'vps')
  t.equal(booted.code, 0, booted.failures.join('\n'))
  const after = await r.fmc(...ROLE)
  t.equal(after.code, 0, after.failures.join('\n'))
  t.strictSame(after.changed, [], 'after a boot')
  t.match(await r.text('vps', 'ping -c 5 -i 0.2 -W 5 10.17.0.1'), /, 0% packet loss/)
})
