// Roles find "the" interface on the host, by the address that it carries: its name in the inventory is no fact.
import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { ask, Secret } from '../../lib/index.ts'
import { agentConfig } from '../../roles/k3s-agent/config.ts'
import { vars as agentVars } from '../../roles/k3s-agent/vars.ts'
import { serverConfig } from '../../roles/k3s-server/config.ts'
import { vars as serverVars } from '../../roles/k3s-server/vars.ts'
import { openingScript, parseClosed, question } from '../../roles/shared/firewalld/open.ts'
import {
  ADDRESSES,
  carrierOf,
  heldAfter,
  heldText,
  parseHeld,
} from '../../roles/shared/interface-of.ts'

/** The default route of this host is on eth0; the cluster's network is on the other NIC. */
const TWO = String.raw`1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.0.21/24 brd 192.168.0.255 scope global dynamic eth0\       valid_lft 86000sec preferred_lft 86000sec
3: enp7s0.40    inet 10.17.4.21/24 brd 10.17.4.255 scope global enp7s0.40\       valid_lft forever preferred_lft forever
3: enp7s0.40    inet 10.17.4.32/32 scope global enp7s0.40:vip\       valid_lft forever preferred_lft forever
4: ppp0    inet 10.64.0.2 peer 10.64.0.1/32 scope global ppp0\       valid_lft forever preferred_lft forever
`
const find = (address: string, text = TWO, expected = 'eth0') =>
  carrierOf(parseHeld(text), { address, expected, host: 'm1' })

void t.test('the interface that carries an address', t => {
  t.equal(find('10.17.4.21'), 'enp7s0.40')
  t.equal(find('192.168.0.21'), 'eth0')
  t.equal(find('10.64.0.2'), 'ppp0')
  for (const address of ['10.17.4.2', '10.17.4.211', '192.168.0.22'])
    t.throws(
      () => find(address),
      {
        message: `no interface of m1 has the address ${address}: there are eth0 (192.168.0.21/24), enp7s0.40 (10.17.4.21/24), enp7s0.40 (10.17.4.32/32), ppp0 (10.64.0.2/32)`,
        hint: /correct the address under nics of m1 in the inventory/,
      },
      address,
    )
  t.throws(() => find('10.0.0.1', ''), /it has no address/)
  const twice = heldText([
    { device: 'eth0', address: '10.0.0.1/24' },
    { device: 'br0', address: '10.0.0.1/24' },
  ])
  t.equal(find('10.0.0.1', twice, 'br0'), 'br0', 'the inventory decides')
  t.throws(() => find('10.0.0.1', twice, 'eth1'), /several interfaces of m1 .*: eth0, br0/)
  t.throws(() => parseHeld('Object "addr" is unknown\n'), /not an address of a device/)
  t.strictSame(heldAfter(parseHeld(twice)), [
    ask('command', ADDRESSES),
    { code: 0, stderr: '', stdout: twice },
  ])
  t.end()
})

void t.test('flannel uses the interface of the node’s address', t => {
  const secrets = { k3s_token: new Secret('a'), k3s_agent_token: new Secret('b') }
  const at = { name: 'm1', address: '10.17.4.21', via: '10.17.4.22', pin: undefined }
  const server = (device?: string): unknown =>
    parse(
      serverConfig(
        { ...at, sans: [], clusterInit: false, device },
        serverVars.parse(secrets),
      ).reveal(),
    )
  const agent = parse(
    agentConfig(
      { ...at, device: find(at.address) },
      agentVars.parse({ k3s_agent_token: secrets.k3s_agent_token }),
    ).reveal(),
  ) as unknown
  const both = { 'node-ip': '10.17.4.21', 'flannel-iface': 'enp7s0.40' }
  t.match(server(find(at.address)), both)
  t.match(agent, both)
  t.notOk('flannel-iface' in (server() as object))
  t.end()
})

/** Asks with these programs in front of the path. */
function asked(
  t: Test,
  zones: Readonly<Record<string, string>>,
  everywhere: boolean,
  addresses = ['10.17.4.21'],
): string {
  const cases = Object.entries(zones).map(
    ([device, zone]) => `*' ${device}') echo 's "${zone}"' ;;`,
  )
  const dir = t.testdir({
    systemctl: '#!/bin/sh\nexit 0\n',
    ip: `#!/bin/sh\ncat <<'END'\n${TWO}END\n`,
    busctl: `#!/bin/sh
shift 4
case "$*" in
getZoneOfInterface*) case "$*" in ${cases.join('\n')} *) echo 's ""' ;; esac ;;
getDefaultZone) echo 's "public"' ;;
getZoneByName*) echo "o \"/config/$3\"" ;;
'queryPort sss dmz 6443 tcp' | 'queryPort ss 6443 tcp') echo 'b true' ;;
query*) echo 'b false' ;;
esac
`,
  })
  for (const name of ['systemctl', 'ip', 'busctl']) chmodSync(join(dir, name), 0o755)
  const ran = spawnSync(
    'sh',
    ['-c', question({ openings: ['6443/tcp', 'vrrp'], addresses, everywhere })],
    { encoding: 'utf8', env: { PATH: `${dir}:${process.env['PATH'] ?? ''}` } },
  )
  t.equal(ran.stderr, '')
  return ran.stdout
}

void t.test('firewalld: the zone of the interface that carries the address', t => {
  t.equal(asked(t, {}, false), 'public 6443/tcp\npublic vrrp\n', 'it is in no zone of its own')
  const internal = { 'enp7s0.40': 'internal', eth0: 'external' }
  t.equal(asked(t, internal, false), 'internal 6443/tcp\ninternal vrrp\n')
  t.equal(
    asked(t, internal, true),
    'internal 6443/tcp\ninternal vrrp\npublic 6443/tcp\npublic vrrp\n',
  )
  t.equal(
    asked(t, { 'enp7s0.40': 'dmz' }, false, ['10.17.4.21', '192.168.0.21']),
    'dmz vrrp\npublic 6443/tcp\npublic vrrp\n',
    'the other one is in the default zone',
  )
  const closed = parseClosed(asked(t, { 'enp7s0.40': 'dmz' }, false))
  t.strictSame(closed, [{ zone: 'dmz', opening: 'vrrp' }], 'one is open already')
  t.equal(
    openingScript([...closed, { zone: 'a', opening: '53/udp' }]),
    [
      'firewall-cmd -q --permanent --zone=dmz --add-protocol=vrrp',
      'firewall-cmd -q --zone=dmz --add-protocol=vrrp',
      'firewall-cmd -q --permanent --zone=a --add-port=53/udp',
      'firewall-cmd -q --zone=a --add-port=53/udp',
    ].join('\n'),
  )
  t.throws(() => parseClosed('FirewallD is not running\n'), /unexpected/)
  t.end()
})
