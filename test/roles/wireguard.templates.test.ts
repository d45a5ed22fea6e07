import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { Secret, type Host, type Inventory } from '../../lib/index.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import client from '../../roles/wireguard/client.ts'
import { silentPeer } from '../../roles/wireguard/index.ts'
import { newPrivateKey, publicKeyOf } from '../../roles/wireguard/keys.ts'
import {
  differences,
  drift,
  parseRunning,
  parseWritten,
  routesOf,
  sha256,
  toBeWritten,
} from '../../roles/wireguard/status.ts'
import { config, keysIn, type KnownPeer } from '../../roles/wireguard/templates.ts'
import { vars as schema } from '../../roles/wireguard/vars.ts'
import { tunnelOf, type Tunnel } from '../../roles/wireguard/vpn.ts'
import { fileWith } from '../inventory/helpers.ts'

const YAML = `timezone: Europe/Madrid
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  inner: { cidr: 10.17.3.0/24, mode: open, gateway: 10.17.3.1, router: hv }
  far: { cidr: 10.30.0.0/24, mode: open, gateway: 10.30.0.1, router: vps }
  vpn: { cidr: 10.17.0.0/24, mode: wireguard, gateway: 10.17.0.1, router: hv, endpoint: home.example.org }
hosts:
  hv: { os: rocky 9.5, nics: [{ network: lan, address: 192.168.0.40 }] }
  vps: { os: debian 12, ssh: { host: vps.example.org }, nics: [{ network: vpn, address: 10.17.0.2 }] }
  lb: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
`
/** From the documentation: output of wg genkey and wg pubkey. */
const KEY = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk='
const PUBLIC = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw='
const PSK = new Secret('AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'psk')
const laptop = { name: 'laptop', address: '10.17.0.10', public_key: PUBLIC }

type Given = Readonly<Record<string, unknown>>
const inventoryOf = async (test: Test, from = '', to = ''): Promise<Inventory> =>
  loadInventory(fileWith(test, YAML.replace(from, to)), { cache: false })
const hostOf = (inventory: Inventory, name: string): Host => {
  const host = inventory.hosts.get(name)
  if (!host) throw new Error(`no host ${name}`)
  return host
}
const tunnel = (inventory: Inventory, name: string, given: Given = {}): Tunnel | undefined =>
  tunnelOf(inventory, hostOf(inventory, name), schema.parse(given))
const found = (inventory: Inventory, name: string, given: Given = {}): Tunnel => {
  const there = tunnel(inventory, name, given)
  if (!there) throw new Error(`${name} is in no VPN`)
  return there
}
const known = (of: Tunnel): KnownPeer[] =>
  of.peers.map(p => ({ ...p, key: p.publicKey ?? `key-of-${p.name}=` }))

void t.test('keys are those of wg(8)', t => {
  const raw = Buffer.from(publicKeyOf(newPrivateKey('x')), 'base64')
  t.equal(raw.length, 32)
  // RFC 7748, 6.1: Alice's key pair.
  const hex = (text: string) => Buffer.from(text, 'hex').toString('base64')
  t.equal(
    publicKeyOf(
      new Secret(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')),
    ),
    hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
  )
  for (const wrong of ['', 'abc', `${KEY}x`, KEY.slice(0, -1)])
    t.throws(() => publicKeyOf(new Secret(wrong, 'mine')), /the secret mine is not a WireGuard key/)
  t.end()
})

void t.test('hub and spoke', async t => {
  const inventory = await inventoryOf(t)
  const hub = found(inventory, 'hv', {
    wireguard_peers: [laptop, { name: 'vps', preshared_key: PSK, keepalive: 10 }],
    wireguard_post_up: ['echo up'],
    wireguard_mtu: 1400,
  })
  const text = config(
    hub,
    known(hub),
    schema.parse({ wireguard_post_up: ['echo up'], wireguard_mtu: 1400 }),
  )
  t.ok(text instanceof Secret, 'a preshared key makes it a secret')
  t.equal(
    (text as Secret).reveal(),
    `# Managed by fmc; the private key is the one in the file beside this one
[Interface]
Address = 10.17.0.1/24
ListenPort = 51820
MTU = 1400
PostUp = echo up

# peer vps
[Peer]
PublicKey = key-of-vps=
PresharedKey = ${PSK.reveal()}
AllowedIPs = 10.17.0.2/32, 10.30.0.0/24
PersistentKeepalive = 10

# peer laptop
[Peer]
PublicKey = ${PUBLIC}
AllowedIPs = 10.17.0.10/32
`,
  )
  t.strictSame(routesOf(hub), ['10.30.0.0/24'], 'what the VPN itself does not cover')
  const spoke = found(inventory, 'vps')
  t.equal(
    config(spoke, known(spoke), schema.parse({})),
    `# Managed by fmc; the private key is the one in the file beside this one
[Interface]
Address = 10.17.0.2/24

# peer hv
[Peer]
PublicKey = key-of-hv=
AllowedIPs = 10.17.0.0/24, 10.17.3.0/24
Endpoint = home.example.org:51820
PersistentKeepalive = 25
`,
  )
  t.match(hub.peers, [{ alwaysOn: true }, { alwaysOn: false }])
  t.match(spoke.peers, [{ name: 'hv', alwaysOn: true, ask: { device: 'wg0' } }])
  t.match(found(inventory, 'vps', { wireguard_port: 51821 }).port, 51821)
  t.strictSame(found(inventory, 'vps', { wireguard_reaches: ['lan'] }).peers[0]?.allowed, [
    '10.17.0.0/24',
    '192.168.0.0/24',
  ])
  t.equal(tunnel(inventory, 'lb'), undefined, 'a host in no VPN has nothing to do')
})

void t.test('a VPN that cannot work is refused before any host is asked', async t => {
  const inventory = await inventoryOf(t)
  const peers = (...wireguard_peers: readonly object[]) => ({ wireguard_peers })
  const rows: readonly (readonly [string, Given, RegExp])[] = [
    ['hv', peers(laptop, laptop), /a peer is listed twice/],
    ['hv', peers({ name: 'hv' }), /the host lists itself/],
    ['hv', peers({ ...laptop, address: undefined }), /laptop needs an address/],
    ['hv', peers({ name: 'x', address: '10.17.0.9' }), /x needs public_key or private_key/],
    ['hv', peers({ ...laptop, address: '10.17.0.1' }), /cannot have the address 10\.17\.0\.1/],
    ['hv', peers({ ...laptop, address: '10.17.9.1' }), /cannot have the address 10\.17\.9\.1/],
    [
      'hv',
      peers({ ...laptop, address: '10.17.0.2' }),
      /10\.17\.0\.2\/32 would be reached through vps and through laptop/,
    ],
    ['hv', peers({ name: 'vps', address: '10.17.0.2' }), /remove the address of vps/],
    ['hv', peers({ ...laptop, networks: ['kube'] }), /kube is neither a network/],
    ['hv', peers({ ...laptop, networks: ['0.0.0.0/0'] }), /cannot send all its traffic/],
    ['hv', peers({ ...laptop, networks: ['10.16.0.0/12'] }), /contains the VPN itself/],
    ['hv', peers({ ...laptop, networks: ['far'] }), /through vps and through laptop/],
    [
      'hv',
      peers({ ...laptop, public_key: undefined, private_key: new Secret('x', 'k') }),
      /the secret k is not a WireGuard key/,
    ],
  ]
  for (const [name, given, message] of rows) t.throws(() => tunnel(inventory, name, given), message)
  t.throws(() => schema.parse(peers({ ...laptop, private_key: PSK })), /not both/)
  t.throws(() => schema.parse(peers({ ...laptop, public_key: 'abc' })), /44 characters/)
  const atHome = await inventoryOf(t, ', endpoint: home.example.org', '')
  t.throws(
    () => tunnel(atHome, 'vps', { wireguard_reaches: ['lan'] }),
    /has the endpoint 192\.168\.0\.40:51820 in 192\.168\.0\.0\/24, .* through itself/,
  )
  const two = await inventoryOf(
    t,
    'hosts:\n',
    '  second: { cidr: 10.18.0.0/24, mode: wireguard, gateway: 10.18.0.1, router: hv }\nhosts:\n',
  )
  t.throws(() => tunnel(two, 'hv'), /hv is in the VPNs vpn and second/)
})

void t.test("a host's configuration, and how it differs", async t => {
  const inventory = await inventoryOf(t)
  const hub = found(inventory, 'hv', {
    wireguard_peers: [laptop, { name: 'vps', preshared_key: PSK }],
  })
  const content = (config(hub, known(hub), schema.parse({})) as Secret).reveal()
  const wanted = toBeWritten(content)
  const told = `600 root:root\n${PUBLIC}\nsame\n${wanted.presharedKeys}\n${wanted.text}`
  t.notMatch(wanted.text, PSK.reveal())
  t.equal(parseWritten({ code: 1, stdout: '' }), undefined)
  const now = parseWritten({ code: 0, stdout: told })
  if (!now) throw new Error('nothing read')
  t.strictSame(differences(now, content), [])
  t.strictSame(
    [...keysIn(now.text)],
    [
      ['vps', 'key-of-vps='],
      ['laptop', PUBLIC],
    ],
  )
  const rows: readonly (readonly [object, readonly string[]])[] = [
    [{ access: '644 root:root' }, ['644 root:root → 600 root:root']],
    [{ ownKey: false }, ['the private key of the key file']],
    [{ presharedKeys: sha256('') }, ['other preshared keys']],
    [{ text: now.text.replace('51820', '51821') }, ['the interface: change']],
    [{ text: now.text.replace('10.17.0.10', '10.17.0.11') }, ['change laptop']],
    [
      { text: now.text.replace('peer laptop', 'peer phone') },
      ['add the peer laptop', 'remove the peer phone'],
    ],
    [{ text: `${now.text}\n` }, ['content']],
  ]
  for (const [other, what] of rows) t.strictSame(differences({ ...now, ...other }, content), what)
})

void t.test('the state of an interface, and how it differs', async t => {
  const inventory = await inventoryOf(t)
  const hub = found(inventory, 'hv', {
    wireguard_peers: [laptop, { name: 'vps', preshared_key: PSK }],
  })
  const peers = known(hub)
  const told = (...replaced: readonly (readonly [string, string])[]): string =>
    replaced.reduce(
      (text, [from, to]) => text.replace(from, to),
      `address 10.17.0.1/24
mtu 1420
route 10.30.0.0/24
self ${KEY} 51820
peer key-of-vps= ${sha256(PSK.reveal())} 10.30.0.0/24,10.17.0.2/32 off
peer ${PUBLIC} - 10.17.0.10/32 off
`,
    )
  const own = { publicKey: KEY, mtu: 1420 }
  const differ = (text: string) => {
    const running = parseRunning('wg0', text)
    return running && drift(hub, peers, own, running)
  }
  t.equal(parseRunning('wg0', 'down\n'), undefined)
  t.throws(
    () => parseRunning('wg0', 'address 1.2.3.4/24\nmtu 1500\n'),
    /interface wg0 that is not WireGuard/,
  )
  t.strictSame(differ(told()), [])
  const rows: readonly (readonly [string, string, string, boolean])[] = [
    ['10.17.0.1/24', '10.17.0.7/24', 'address 10.17.0.7/24 → 10.17.0.1/24', true],
    ['mtu 1420', 'mtu 1280', 'mtu 1280 → 1420', true],
    [' 51820', ' 40000', 'port 40000 → 51820', true],
    [KEY, PUBLIC, `key ${PUBLIC} → ${KEY}`, false],
    ['10.30.0.0/24,', '', 'networks of vps 10.17.0.2/32 → 10.17.0.2/32,10.30.0.0/24', false],
    ['- 10.17', 'abc 10.17', 'preshared key of laptop', false],
    ['route 10.30.0.0/24', 'route 10.31.0.5', 'routes 10.31.0.5/32 → 10.30.0.0/24', false],
    ['32 off\n', '32 25\n', 'keepalive of vps 25 → off', false],
  ]
  for (const [from, to, what, restart] of rows)
    t.strictSame(differ(told([from, to])), [{ what, restart }])
  t.strictSame(differ(told([`peer ${PUBLIC}`, 'peer stranger='])), [
    { what: 'add the peer laptop', restart: false },
    { what: 'remove the peer stranger=', restart: false },
  ])
  const at = (vps: number) => `1000\n${PUBLIC}\t0\nkey-of-vps=\t${vps}\n`
  t.equal(silentPeer(peers, at(900)), true)
  t.match(silentPeer(peers, at(800)), /no handshake with vps in the last 180 s/)
  t.match(silentPeer(peers, at(0)), /no handshake with vps/, 'never')
  t.match(silentPeer(peers, at(4600)), /the last handshake with vps is in the future/)
})

void t.test('a road warrior', async t => {
  const inventory = await inventoryOf(t)
  const withPeers = (...wireguard_peers: readonly object[]) => {
    const hub = { ...hostOf(inventory, 'hv'), vars: { wireguard_peers } as never }
    const network = inventory.networks.get('vpn')
    if (!network) throw new Error('no VPN')
    return (name: string, random = false, address?: string) =>
      client({ inventory, network, hub, name, random, address })
  }
  const kept = { name: 'phone', address: '10.17.0.11', private_key: new Secret(KEY, 'k') }
  const phone = withPeers(kept, laptop)('phone')
  t.equal(phone.declare, undefined)
  t.equal(
    phone.config('HUB').reveal(),
    `[Interface]
PrivateKey = ${KEY}
Address = 10.17.0.11/32

[Peer]
PublicKey = HUB
AllowedIPs = 10.17.0.0/24, 192.168.0.0/24, 10.17.3.0/24, 10.30.0.0/24
Endpoint = home.example.org:51820
PersistentKeepalive = 25
`,
  )
  const everything = withPeers({
    ...kept,
    reaches: ['all'],
    dns: ['10.17.3.11'],
    preshared_key: PSK,
    keepalive: 0,
  })
  const text = everything('phone').config('HUB').reveal()
  t.match(text, `DNS = 10.17.3.11, cloud.internal\n`)
  t.match(text, `PresharedKey = ${PSK.reveal()}\nAllowedIPs = 0.0.0.0/0\n`)
  t.notMatch(text, 'PersistentKeepalive')
  t.match(
    withPeers(laptop)('tablet', true).declare,
    /^- \{ name: tablet, address: 10\.17\.0\.3, public_key: .{44} \}$/,
    'the first address that nobody has',
  )
  t.match(
    withPeers(kept)('phone', true).declare,
    /address: 10\.17\.0\.11/,
    'a new key for an old one',
  )
  const near = inventory.networks.get('vpn')
  const hub = { ...hostOf(inventory, 'hv'), vars: { wireguard_peers: [kept] } as never }
  if (!near) throw new Error('no VPN')
  t.match(
    client({
      inventory,
      network: { ...near, endpoint: undefined },
      hub,
      name: 'phone',
      random: false,
      address: undefined,
    })
      .config('HUB')
      .reveal(),
    'AllowedIPs = 10.17.0.0/24, 10.17.3.0/24, 10.30.0.0/24\nEndpoint = 192.168.0.40:51820',
    'the network in which the hub is found is not reached through it',
  )
  t.throws(() => withPeers(laptop)('laptop'), /the private key of laptop is on laptop alone/)
  t.throws(() => withPeers(laptop)('nobody'), /not in wireguard_peers of hv/)
  t.throws(() => withPeers(laptop)('lb'), /lb is a host of the inventory/)
})

void t.test('a shell accepts the scripts', async t => {
  const { reloadScript } = await import('../../roles/wireguard/tunnel.ts')
  const { runningScript, writtenScript } = await import('../../roles/wireguard/status.ts')
  const hub = found(await inventoryOf(t), 'hv')
  for (const script of [reloadScript(hub), runningScript('wg0'), writtenScript('wg0')])
    t.doesNotThrow(() => execFileSync('sh', ['-n'], { input: script }))
})
