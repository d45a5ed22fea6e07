import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { TaskError } from '../../../lib/errors.ts'
import { Secret } from '../../../lib/secrets/secret.ts'
import { judge, parseDig } from '../../../roles/coredns-chrony/dig.ts'
import { inTheWay, parseListeners } from '../../../roles/coredns-chrony/port.ts'
import { parseSerials, serialFor } from '../../../roles/coredns-chrony/serial.ts'
import { parseState } from '../../../roles/haproxy-keepalived/survey.ts'
import { isSettled, nicsFor, parseDevices } from '../../../roles/hypervisor/bridge.ts'
import { parseCapacity } from '../../../roles/hypervisor/preflight.ts'
import { readDomains, withoutDomain } from '../../../roles/hypervisor/survey.ts'
import { readPools } from '../../../roles/hypervisor/volumes.ts'
import { escapeXml, parseXml, type Element } from '../../../roles/hypervisor/xml.ts'
import { mergedInto, pointedTo } from '../../../roles/kubeconfig/kubeconfig.ts'
import { compareExports, exportsFile, parseExports } from '../../../roles/nfs/exports.ts'
import { readClusters } from '../../../roles/postgresql/cluster.ts'
import { matches, verifier } from '../../../roles/postgresql/scram.ts'
import { ident, literal, readState } from '../../../roles/postgresql/sql.ts'
import { newPrivateKey, publicKeyOf } from '../../../roles/wireguard/keys.ts'
import { differences, drift, parseRunning, parseWritten } from '../../../roles/wireguard/status.ts'
import type { Tunnel } from '../../../roles/wireguard/vpn.ts'
import { target, unlessRefused, unlessRejected, type Target } from '../harness.ts'
import { jsonMutants, sound } from '../json.ts'
import { mutants, nasty, word } from '../text.ts'

const fact = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr })
const texts = (all: readonly unknown[]): void =>
  ok(
    all.every(s => typeof s === 'string'),
    'no text',
  )
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

const DOMAIN = `<domain type='kvm'>
  <name>n1</name><uuid>0e6a</uuid>
  <metadata><fmc:machine xmlns:fmc="urn:fmc:machine">{"created":1,"image":"i","guest":{"name":"n1","domain":"d","user":"u","nics":[],"dns":[]},"disks":{}}</fmc:machine></metadata>
  <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <devices>
    <disk type='file' device='disk'><source file='/var/lib/a&amp;b'/><target dev='vda'/><serial>x</serial></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='k'/></interface>
  </devices>
</domain>
`
const DOMAINS = `Id:             1\nName:           n1\nState:          running\nAutostart:      enable\n\n${DOMAIN}${DOMAIN}`
const XML = [DOMAIN, '<a b=\'1\' c="2"><!-- x --><![CDATA[<y>]]>&#65;&lt;</a>\n<d/>']

const anyXml = (text: string): void => {
  const elements = unlessRefused([TaskError], () => parseXml(text))
  sound(elements)
  const walk = (all: readonly Element[]): void => {
    for (const e of all) {
      texts([e.name, e.text, ...Object.values(e.attributes)])
      walk(e.children)
    }
  }
  walk(elements ?? [])
}
const xml = target('hypervisor/xml', mutants(XML), anyXml, {
  guided: { seeds: XML, holds: anyXml },
})

const escaped = target('hypervisor/xml-escaped', nasty(), text => {
  const clean = text.replaceAll(/[\ud800-\udfff]/g, '')
  const [element] = parseXml(`<a b='${escapeXml(clean)}'>${escapeXml(clean)}</a>`)
  deepStrictEqual([element?.text, element?.attributes['b']], [clean, clean])
})

const anyDomains = (text: string): void => {
  const found = unlessRefused([TaskError], () => readDomains(text))
  for (const d of found ?? []) {
    sound(d)
    ok([d.memoryKb, ...d.givenKb, d.vcpus].every(isCount), `sizes of ${JSON.stringify(d)}`)
    texts([d.name, d.uuid, d.state, ...d.disks.map(k => k.file)])
  }
  if (found) texts([withoutDomain(text, 'n1')])
}
const domains = target('hypervisor/domains', mutants([DOMAINS, DOMAINS + DOMAINS]), anyDomains, {
  guided: { seeds: [DOMAINS], holds: anyDomains },
})

const POOLS = [
  "# fmc Name: fmc State: running Autostart: yes \n<pool type='dir'><target><path>/var/lib/x</path></target></pool>\n",
]
const pools = target('hypervisor/pools', mutants(POOLS), text => {
  for (const p of unlessRefused([TaskError], () => readPools(text)) ?? []) texts([p.name, p.path])
})

const DEVICES = [
  {
    ifname: 'eth0',
    address: '52:54:00:00:00:01',
    master: 'br0',
    addr_info: [{ local: '10.0.0.1', prefixlen: 24 }],
  },
  { ifname: 'br0', linkinfo: { info_kind: 'bridge' }, addr_info: [] },
]
const WANTED = {
  bridge: 'br0',
  address: '10.0.0.1',
  prefix: 24,
  gateway: undefined,
  uplink: undefined,
}
const devices = target('hypervisor/devices', jsonMutants([DEVICES]), text => {
  const found = unlessRefused([TaskError], () => parseDevices(text))
  if (!found) return
  for (const d of found) {
    texts([d.name, d.mac, ...d.addresses])
    ok(
      [d.kind, d.bridge].every(v => v === undefined || typeof v === 'string'),
      JSON.stringify(d),
    )
  }
  deepStrictEqual(typeof isSettled(found, WANTED), 'boolean')
  unlessRefused([TaskError], () => nicsFor(found, WANTED))
})

const capacity = target(
  'hypervisor/capacity',
  mutants(['yes yes 8 16384000 100000000 5000\n']),
  text => {
    const found = unlessRefused([TaskError], () => parseCapacity(text))
    if (found) ok([found.cpus, found.memory, found.disk].every(isCount), JSON.stringify(found))
  },
)

const DIG = `;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1
;; flags: qr aa rd; QUERY: 1, ANSWER: 1
n1.cloud.internal.\t3600\tIN\tA\t10.17.3.11
`
const dig = target('coredns/dig', mutants([DIG, DIG + DIG]), text => {
  const found = unlessRefused([TaskError], () => parseDig(text))
  if (!found) return
  for (const a of found) texts([a.status, ...a.records.flatMap(r => [r.name, r.type, r.data])])
  const right = judge([{ name: 'n1.cloud.internal', type: 'A', answer: '10.17.3.11' }], found)
  if (right === true) ok(text.includes('10.17.3.11') && /flags: [a-z ]*aa/.test(text))
})

const LISTENERS =
  'udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=1,fd=1))\ntcp LISTEN 0 0 [::]:53 [::]:* users:(("coredns",pid=2,fd=3))\n'
const listeners = target('coredns/listeners', mutants([LISTENERS]), text => {
  const found = parseListeners(text)
  for (const l of found) texts([l.address, l.process])
  inTheWay(found, ['10.0.0.1'])
})

const ZONES = [{ name: 'a.b', path: '/etc/z a' }]
const SERIALS = `/etc/z a: 7 ; serial\n${'a'.repeat(64)}  /etc/z a\nlive a.b 12\n`
const serials = target('coredns/serials', mutants([SERIALS]), text => {
  const found = unlessRefused([TaskError], () => parseSerials(text, ZONES))
  for (const known of found?.values() ?? []) {
    const next = serialFor(known, n => `serial ${n}`)
    // RFC 1982: 32 bits.
    ok(isCount(next) && next >= 1 && next <= 0xffff_ffff, `the serial ${next}`)
  }
})

const BALANCER =
  'active\n0\n0\n2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever\n'
const balancer = target('haproxy/state', mutants([BALANCER, 'inactive\n127\n2\n']), text => {
  const found = unlessRefused([TaskError], () => parseState(text))
  if (!found) return
  texts(found.addresses)
  deepStrictEqual(
    [typeof found.configured, typeof found.keepalived, typeof found.haproxy],
    ['boolean', 'boolean', 'boolean'],
  )
})

const RUNNING = `address 10.9.0.1/24\nmtu 1420\nroute 10.17.3.0/24\nself ${'a'.repeat(43)}= 51820\npeer ${'b'.repeat(43)}= - 10.9.0.2/32 25\n`
const TUNNEL = { address: '10.9.0.1/24', port: 51820, peers: [] } as unknown as Tunnel
const running = target('wireguard/running', mutants([RUNNING, 'down\n']), text => {
  const found = unlessRefused([TaskError], () => parseRunning('wg0', text))
  if (!found) return
  sound(found)
  ok(
    isCount(found.mtu) && isCount(found.port) && found.port < 65536,
    `mtu ${found.mtu}, port ${found.port}`,
  )
  for (const d of drift(TUNNEL, [], { publicKey: 'x', mtu: 1420 }, found)) texts([d.what])
})

const CONFIG =
  '# Managed by fmc\n[Interface]\nAddress = 10.9.0.1/24\n\n# peer a\n[Peer]\nPublicKey = x\n'
const WRITTEN = `600 root:root\n${'a'.repeat(43)}=\nsame\n${'c'.repeat(64)}\n${CONFIG}`
const written = target('wireguard/written', mutants([WRITTEN]), text => {
  const found = unlessRefused([TaskError], () => parseWritten({ code: 0, stdout: text }))
  if (found) texts(differences(found, CONFIG))
})

const keys = target(
  'wireguard/keys',
  mutants([newPrivateKey('k').reveal()]),
  text => {
    const found = unlessRefused([TaskError], () => publicKeyOf(new Secret(text)))
    if (found !== undefined) deepStrictEqual(Buffer.from(found, 'base64').length, 32)
  },
  { weight: 0.3 },
)

const ROLE = {
  ...{ name: 'a', superuser: false, createdb: false, createrole: false, replication: false },
  ...{
    bypassrls: false,
    login: true,
    inherit: true,
    limit: -1,
    until: null,
    salt: null,
    digest: null,
  },
}
const PG = { roles: [ROLE], databases: [{ name: 'd', owner: 'a', connectable: true, limit: -1 }] }
const database = target('postgresql/state', jsonMutants([PG]), text => {
  const found = unlessRefused([TaskError], () => readState(fact(text), 'running'))
  for (const r of found?.roles ?? [])
    deepStrictEqual(Object.keys(r).sort(), Object.keys(ROLE).sort())
  sound(found)
})
const clusters = target(
  'postgresql/clusters',
  mutants(['15 /var/lib/pg/PG_VERSION\ninterrupted\nbare\n']),
  text => {
    const found = unlessRefused([TaskError], () => readClusters(text, 15))
    // Another version is never taken for ours.
    for (const [, v] of text.matchAll(/^(\d+) \//gm))
      if (v !== '15') deepStrictEqual(found, undefined)
  },
)
const quoting = target('postgresql/quoting', nasty(3), text => {
  deepStrictEqual(ident(text).slice(1, -1).replaceAll('""', '').includes('"'), false)
  deepStrictEqual(literal(text).slice(1, -1).replaceAll("''", '').includes("'"), false)
})

const PASSWORD = new Secret('correct horse')
const SALT = '4096:QUJDREVGR0hJSktMTU5PUA=='
const scram = target(
  'postgresql/scram',
  fc.tuple(mutants([SALT]), word),
  async ([salt, digest]) => {
    ok(!(await unlessRejected([TaskError], async () => matches(PASSWORD, { salt: salt ?? null, digest: digest ?? null }))))
  },
  { weight: 0.05, examples: [['9999999:QUJDREVGR0hJSktMTU5PUA==', 'x']] },
)
const verifiers = target(
  'postgresql/verifier',
  nasty(2),
  async text => {
    const made = await unlessRejected([TaskError], async () =>
      verifier(new Secret(text), 2, Buffer.alloc(16)),
    )
    if (made)
      ok(
        /^SCRAM-SHA-256\$2:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/.test(
          made.reveal(),
        ),
      )
  },
  { weight: 0.3 },
)

const KUBE = JSON.stringify({
  clusters: [
    {
      name: 'default',
      cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority-data': 'QQ==' },
    },
  ],
  users: [
    { name: 'default', user: { 'client-certificate-data': 'QQ==', 'client-key-data': 'Qg==' } },
  ],
})
const KUBES = [
  KUBE,
  KUBE.replace('"client-key-data"', '"exec"'),
  `clusters: []\nusers: [{name: a, user: {exec: {command: id}}}]\n`,
]
const THREE = new Set([
  'certificate-authority-data',
  'client-certificate-data',
  'client-key-data',
  'server',
])

/** Whatever the server's file says, three base64 texts and our server come of it, and nothing that kubectl would run or obey. */
const kubeconfig = target(
  'kubeconfig/pointed',
  fc.oneof(mutants(KUBES), jsonMutants(KUBES.slice(0, 2).map(k => JSON.parse(k) as unknown))),
  async text => {
    const made = await unlessRejected([TaskError], () =>
      pointedTo(new Secret(text, 'k3s.yaml'), 'https://vip:6443', 'cloud'),
    )
    if (made === undefined) return
    const { parse } = await import('yaml')
    const config = parse(made.reveal()) as {
      clusters: { cluster: object }[]
      users: { user: object }[]
    }
    const fields = [
      ...Object.entries(config.clusters[0]?.cluster ?? {}),
      ...Object.entries(config.users[0]?.user ?? {}),
    ]
    for (const [key, value] of fields) {
      ok(THREE.has(key), `${key} came from the server`)
      if (key === 'server') deepStrictEqual(value, 'https://vip:6443')
      else
        ok(
          typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value),
          `${key}: ${String(value)}`,
        )
    }
  },
  { weight: 0.3 },
)

const THEIRS = [
  'clusters: []\ncontexts: # mine\n- {name: x, context: {cluster: y}}\nusers:\n- name: cloud\n  user: {}\n',
  KUBE,
]
const merged = target(
  'kubeconfig/merged',
  mutants(THEIRS),
  async text => {
    const ours = await pointedTo(new Secret(KUBE, 'k'), 'https://vip:6443', 'cloud')
    const made = await unlessRejected([TaskError], () => mergedInto('config', text, ours))
    if (made === undefined) return
    const again = await mergedInto('config', made.reveal(), ours)
    deepStrictEqual(again.reveal(), made.reveal(), 'the second time changes it again')
  },
  { weight: 0.2 },
)

const ETAB = '/srv/share\t10.17.4.0/24(rw,sync,mountpoint=/srv)\n/srv/b\t10.17.4.9(ro)\n'
const exports_ = target('nfs/exports', mutants([ETAB]), text => {
  const found = unlessRefused([TaskError], () => parseExports(text))
  if (!found) return
  for (const e of found) texts([e.path, e.client, ...e.options])
  const clients = found.map(e => `${e.path} ${e.client}`)
  if (new Set(clients).size === clients.length)
    deepStrictEqual(compareExports(found, found), true)
  const kept = found.filter(e => !/[\s#]/.test(e.client + e.path) && e.options.every(o => o !== ''))
  deepStrictEqual(parseExports(exportsFile(kept).split('\n').slice(1).join('\n')), kept)
})

export const hostAnswers: readonly Target[] = [
  ...[xml, escaped, domains, pools, devices, capacity, dig, listeners, serials, balancer],
  ...[running, written, keys, database, clusters, quoting, scram, verifiers, kubeconfig, merged],
  exports_,
]
