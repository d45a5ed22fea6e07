import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { TaskError } from '../../../lib/errors.ts'
import { Secret } from '../../../lib/secrets/secret.ts'
import { judge, parseDig } from '../../../roles/shared/dns/dig.ts'
import { inTheWay, parseListeners } from '../../../roles/shared/ports.ts'
import { parseSerials, serialFor } from '../../../roles/coredns-chrony/serial.ts'
import { parseState } from '../../../roles/haproxy-keepalived/state.ts'
import { parseLdif } from '../../../roles/freeipa/ldif.ts'
import { directoryOf, zoneCalls } from '../../../roles/freeipa/records.ts'
import { judgeServer } from '../../../roles/freeipa/state.ts'
import { parseSurvey } from '../../../roles/shared/freeipa/survey.ts'
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
import { fact, texts } from './cluster.ts'
import { isCount } from './hypervisor.ts'

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
  for (const l of found) {
    texts([l.address, l.process])
    ok(isCount(l.port) && l.port <= 99_999)
  }
  inTheWay(found, { service: 'x', port: 53, addresses: ['10.0.0.1'], owners: ['coredns '] })
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

const LDIF =
  'dn: idnsname=n1,idnsname=a.b.,cn=dns,dc=a,dc=b\naRecord: 10.0.0.1\n\ndn:: aWRuc25hbWU9YS5iLixjbj1kbnM=\nmXRecord: 10 m\nidnsForwarders: 1.1\n .1.1\n'
const A_ZONE = {
  name: 'a.b',
  primary: 'n1.a.b',
  records: [
    { name: 'n1.a.b', type: 'A', value: '10.0.0.2' },
    { name: 'a.b', type: 'MX', value: '10 m' },
  ],
}
const ldif = target('freeipa/ldif', mutants([LDIF]), text => {
  const found = unlessRefused([TaskError], () => directoryOf(parseLdif(text)))
  if (!found) return
  for (const { what, words } of zoneCalls(A_ZONE, found)) {
    texts([what, ...words])
    ok(['dnszone-add', 'dnsrecord-add', 'dnsrecord-mod'].includes(words[0] ?? ''), what)
    ok(
      words
        .slice(1)
        .every(
          w =>
            !w.startsWith('-') ||
            /^--(a-rec=10\.0\.0\.2|mx-rec=10 m\.a\.b\.|skip-overlap-check)$/.test(w),
        ),
      words.join(),
    )
  }
})

const SURVEY =
  'conf realm A.B\nconf domain a.b\nconf host n1.a.b\ncomplete ipa True\ntraces ipa\ninstance A-B\naddress 10.0.0.1\nbegun\n'
const survey = target('freeipa/survey', mutants([SURVEY, 'begun\ntraces ipa\n']), text => {
  const want = { host: 'n1', fqdn: 'n1.a.b', realm: 'A.B', domain: 'a.b', addresses: ['10.0.0.1'] }
  const state = unlessRefused([TaskError], () => judgeServer(parseSurvey(text), want))
  if (state === 'installed')
    ok(text.includes('complete ipa True') && text.includes('conf realm A.B'))
  if (state === 'interrupted') ok(text.includes('begun'))
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
const running = target(
  'wireguard/running',
  mutants([RUNNING, 'down\n']),
  text => {
    const found = unlessRefused([TaskError], () => parseRunning('wg0', text))
    if (!found) return
    sound(found)
    ok(
      isCount(found.mtu) && isCount(found.port) && found.port < 65536,
      `mtu ${found.mtu}, port ${found.port}`,
    )
    for (const d of drift(TUNNEL, [], { publicKey: 'x', mtu: 1420 }, found)) texts([d.what])
  },
  {
    examples: [
      'mtu x\nself k 1\n',
      'mtu 1420\nself k\n',
      'mtu 1420\nself k 65536\n',
      'mtu -1\nself k 1\n',
    ],
  },
)

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
const PG = { roles: [ROLE], databases: [{ name: 'd', owner: 'a' }] }
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
    const found = unlessRefused([TaskError], () => readClusters(fact(text), 15, '/var/lib/pg'))
    // Another version is never taken for ours, and no second cluster is made beside one of somebody else.
    const clusters = [...text.matchAll(/^(\d+) (\/.*)$/gm)]
    const own = clusters.find(([, , path]) => path === '/var/lib/pg/PG_VERSION')
    if (own === undefined ? clusters.length > 0 : own[1] !== '15') deepStrictEqual(found, undefined)
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
    ok(!(await unlessRejected([TaskError], () => matches(PASSWORD, { salt, digest }))))
  },
  { weight: 0.05, examples: [['9999999:QUJDREVGR0hJSktMTU5PUA==', 'x']] },
)
const verifiers = target(
  'postgresql/verifier',
  nasty(2),
  async text => {
    const made = await unlessRejected([TaskError], () =>
      verifier(new Secret(text), Buffer.alloc(16)),
    )
    if (made)
      ok(
        /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/.test(
          made.reveal(),
        ),
      )
  },
  { weight: 0.1 },
)

const ETAB = '/srv/share\t10.17.4.0/24(rw,sync,mountpoint=/srv)\n/srv/b\t10.17.4.9(ro)\n'
const exports_ = target('nfs/exports', mutants([ETAB]), text => {
  const found = unlessRefused([TaskError], () => parseExports(text))
  if (!found) return
  for (const e of found) texts([e.path, e.client, ...e.options])
  const clients = found.map(e => `${e.path} ${e.client}`)
  if (new Set(clients).size === clients.length) deepStrictEqual(compareExports(found, found), true)
  const kept = found.filter(e => !/[\s#]/.test(e.client + e.path) && e.options.every(o => o !== ''))
  deepStrictEqual(parseExports(exportsFile(kept).split('\n').slice(1).join('\n')), kept)
})

export const services: readonly Target[] = [
  ...[
    dig,
    listeners,
    serials,
    ldif,
    survey,
    balancer,
    running,
    written,
    keys,
    database,
    clusters,
    quoting,
  ],
  ...[scram, verifiers, exports_],
]
