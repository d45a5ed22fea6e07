import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import t from 'tap'
import type { Host, Network, Vip } from '../../lib/index.ts'
import { applyFiles, checkCorefile } from '../../roles/coredns-chrony/check.ts'
import { judge, parseDig, questionsOf } from '../../roles/shared/dns/dig.ts'
import { judgeNtp } from '../../roles/shared/dns/gates.ts'
import { PLATFORMS } from '../../roles/coredns-chrony/platform.ts'
import { parseSerials, serialFor } from '../../roles/coredns-chrony/serial.ts'
import {
  corefile,
  corednsUnit,
  healthOf,
  versionOf,
  zoneFile,
} from '../../roles/coredns-chrony/templates.ts'
import { vars } from '../../roles/coredns-chrony/vars.ts'
import { chronyConf } from '../../roles/shared/dns/chrony.ts'
import { namesOf, reverseZones, zonesOf, type Cloud } from '../../roles/shared/dns/zones.ts'

const host = (name: string, ...nics: readonly (readonly [string, string])[]): Host =>
  ({ name, nics: nics.map(([network, address]) => ({ network, address })) }) as unknown as Host
const vip = (name: string, address: string): Vip => ({ name, address }) as Vip
const network = (name: string, cidr: string): Network => ({ name, cidr }) as Network

const dns = host('dns1', ['lan', '192.168.0.5'], ['kube_net', '10.17.4.5'])
const cloud: Cloud = {
  domain: 'cloud.internal',
  hosts: [host('web9', ['lan', '192.168.0.9']), dns, host('bare')],
  vips: [vip('api_1', '192.168.0.32')],
  networks: [network('lan', '192.168.0.0/24'), network('kube_net', '10.17.4.0/22')],
  nameservers: [dns],
}
const defaults = vars.parse({})
const record = (name: string, type: string, value: string) => ({ name, type, value })

t.test('networks become zones at octet boundaries', t => {
  for (const [cidr, zones] of [
    ['10.17.3.0/24', ['3.17.10.in-addr.arpa']],
    ['10.17.0.0/16', ['17.10.in-addr.arpa']],
    ['10.0.0.0/8', ['10.in-addr.arpa']],
    ['10.17.4.0/23', ['4.17.10.in-addr.arpa', '5.17.10.in-addr.arpa']],
    ['172.16.0.0/15', ['16.172.in-addr.arpa', '17.172.in-addr.arpa']],
    ['192.168.0.128/26', ['0.168.192.in-addr.arpa']],
    ['192.168.0.4/32', ['0.168.192.in-addr.arpa']],
  ] as const)
    t.strictSame(reverseZones(cidr), zones, cidr)
  t.end()
})

t.test('every host, every NIC and every VIP has a name, and every address a pointer', t => {
  const zones = zonesOf(cloud, defaults)
  t.strictSame(
    zones.map(z => z.name),
    [
      'cloud.internal',
      '0.168.192.in-addr.arpa',
      '4.17.10.in-addr.arpa',
      '5.17.10.in-addr.arpa',
      '6.17.10.in-addr.arpa',
      '7.17.10.in-addr.arpa',
    ],
  )
  t.strictSame(zones[0]?.records, [
    record('cloud.internal', 'NS', 'dns1.cloud.internal.'),
    record('web9.cloud.internal', 'A', '192.168.0.9'),
    record('dns1.cloud.internal', 'A', '192.168.0.5'),
    record('dns1.kube-net.cloud.internal', 'A', '10.17.4.5'),
    record('api-1.cloud.internal', 'A', '192.168.0.32'),
  ])
  t.strictSame(
    zones.flatMap(z => z.records.filter(r => r.type === 'PTR')).map(r => [r.name, r.value]),
    [
      ['9.0.168.192.in-addr.arpa', 'web9.cloud.internal.'],
      ['5.0.168.192.in-addr.arpa', 'dns1.cloud.internal.'],
      ['32.0.168.192.in-addr.arpa', 'api-1.cloud.internal.'],
      ['5.4.17.10.in-addr.arpa', 'dns1.kube-net.cloud.internal.'],
    ],
  )
  t.end()
})

t.test('clashes are errors that name both sides', t => {
  const clash = { ...cloud, vips: [vip('web9', '192.168.0.33')] }
  t.throws(
    () => namesOf(clash, {}),
    /host web9 and the VIP web9 have the same name: web9\.cloud\.internal/,
  )
  t.equal(namesOf(clash, { web9: 'www' }).at(-1)?.name, 'www.cloud.internal')
  t.throws(() => namesOf(cloud, { web: 'www' }), /no VIP web/)
  t.throws(() => zonesOf({ ...cloud, nameservers: [] }, defaults), /names no host/)
  const extra =
    (...dns_records: readonly object[]) =>
    () =>
      zonesOf(cloud, vars.parse({ dns_records }))
  t.throws(extra(record('web9', 'CNAME', 'x')), /web9\.cloud\.internal is already the host web9/)
  t.throws(extra(record('web9', 'A', '10.0.0.1')), /already/)
  t.throws(extra(record('@', 'CNAME', 'x')), /cannot be a CNAME/)
  t.throws(extra(record('g', 'CNAME', 'x'), record('g', 'TXT', 'x')), /cannot be a CNAME/)
  t.doesNotThrow(extra(record('web9', 'TXT', 'x'), record('@', 'MX', '10 web9')))
  t.end()
})

t.test('a zone file', t => {
  const text = (hosts: readonly Host[], records: readonly object[] = []) => {
    const [zone] = zonesOf({ ...cloud, hosts }, vars.parse({ dns_records: records }))
    return zoneFile(zone!, 7, 300)
  }
  t.equal(
    text(cloud.hosts, [
      { name: '*.apps', type: 'A', value: '192.168.0.33', ttl: 60 },
      { name: '@', type: 'TXT', value: `say "hi" \\ ${'x'.repeat(250)}` },
    ]),
    `; Managed by fmc. The serial rises when the content changes, and only then.
$ORIGIN cloud.internal.
$TTL 300
@ IN SOA dns1.cloud.internal. hostmaster.cloud.internal. (
  7 ; serial
  7200 900 1209600 60 )
@ IN NS dns1.cloud.internal.
@ IN TXT "say \\"hi\\" \\\\ ${'x'.repeat(244)}" "xxxxxx"
api-1 IN A 192.168.0.32
*.apps 60 IN A 192.168.0.33
dns1 IN A 192.168.0.5
dns1.kube-net IN A 10.17.4.5
web9 IN A 192.168.0.9
`,
  )
  t.equal(
    text(cloud.hosts),
    text([...cloud.hosts].reverse()),
    'order in the inventory is no content',
  )
  t.end()
})

t.test('a serial moves with the content and with nothing else', t => {
  const render = (content: string) => (serial: number) => `${serial} ; serial\n${content}\n`
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  for (const [serial, content, wanted, expected] of [
    [5, 'a', 'a', 5],
    [5, 'a', 'b', 6],
    [0xffff_ffff, 'a', 'a', 0xffff_ffff],
    [0xffff_ffff, 'a', 'b', 1],
  ] as const) {
    const known = { serial, sha256: sha256(render(content)(serial)) }
    t.equal(serialFor(known, render(wanted)), expected, `${serial} ${content} → ${wanted}`)
  }
  t.equal(serialFor(undefined, render('a')), 1, 'the first')
  t.equal(serialFor({ serial: 9 }, render('a')), 10, 'the file is lost, the server still serves 9')
  t.end()
})

t.test("a host's answer about its zones", t => {
  const files = [{ name: 'z', path: '/db.z' }]
  const sum = 'a'.repeat(64)
  for (const [answer, known] of [
    [`/db.z:  12 ; serial\n${sum}  /db.z\n`, { serial: 12, sha256: sum }],
    [`${sum}  /db.z\nlive z 9\n`, { serial: 9, sha256: sum }],
    ['live z 9\n', { serial: 9, sha256: undefined }],
    ['live z \n', undefined],
    ['', undefined],
  ] as const)
    t.strictSame(parseSerials(answer, files).get('z'), known, answer)
  t.throws(() => parseSerials('rm -rf /\n', files), /about its zones makes no sense: rm -rf/)
  t.end()
})

t.test('Corefile', t => {
  const of = (over: object = {}) =>
    corefile({
      zones: ['cloud.internal', '3.17.10.in-addr.arpa'],
      addresses: ['10.17.3.11'],
      clients: ['10.17.0.0/16'],
      vars: { ...defaults, ...over },
    })
  const text = of()
  t.match(text, '    bind 127.0.0.1 10.17.3.11\n')
  t.match(text, '        allow net 127.0.0.0/8 10.17.0.0/16\n        block\n')
  t.match(
    text,
    '3.17.10.in-addr.arpa {\n    import guard\n    file /etc/coredns/zones/db.3.17.10.in-addr.arpa {',
  )
  t.match(text, '    forward . 1.1.1.1 9.9.9.9\n')
  t.match(text, /\n {4}health 127\.0\.0\.1:8080\n {4}ready 127\.0\.0\.1:8181\n/)
  t.equal(text.match(/import guard/g)?.length, 3, 'no server block without the access list')
  t.match(versionOf(text), /^fmc-[0-9a-f]{12}$/)
  t.equal(of(), text)
  t.not(versionOf(of({ dns_cache_seconds: 31 })), versionOf(text), 'says which configuration it is')
  t.ok(of({ dns_corefile_extra: 'x {\n}\n\n' }).endsWith('}\nx {\n}\n'))
  t.end()
})

t.test('unit and chrony.conf', t => {
  t.match(corednsUnit('/opt/bin/coredns'), 'ExecStart=/opt/bin/coredns -conf /etc/coredns/Corefile')
  const text = chronyConf({
    platform: PLATFORMS['el 9']!,
    clients: ['10.17.3.0/24', '10.8.0.0/24'],
    vars: { ...defaults, ntp_servers: ['192.168.0.1'], ntp_local_stratum: 8 },
  })
  t.strictSame(text.split('\n').slice(0, 7), [
    '# Managed by fmc',
    'server 192.168.0.1 iburst',
    'pool pool.ntp.org iburst',
    'allow 10.17.3.0/24',
    'allow 10.8.0.0/24',
    'local stratum 8',
    'makestep 1.0 3',
  ])
  t.match(text, 'keyfile /etc/chrony.keys\ndriftfile /var/lib/chrony/drift\n')
  t.end()
})

t.test('vars refuse values that cannot work', t => {
  const cidrs = ['0.0.0.0/0', '10.17.3.0/24', '192.168.255.255/32', '172.16.0.0/9']
  t.strictSame(vars.parse({ dns_clients: cidrs, ntp_clients: cidrs }).ntp_clients, cidrs)
  for (const bad of [
    { dns_upstreams: [] },
    { dns_upstreams: ['resolver.example'] },
    { dns_clients: ['everybody'] },
    { dns_records: [{ name: 'a b', type: 'A', value: '1' }] },
    { dns_records: [{ name: 'a', type: 'A', value: '1\nb IN A 2' }] },
    { dns_records: [{ name: 'a', type: 'SOA', value: '1' }] },
    { ntp_clients: ['10.0.0.0/33'] },
    { ntp_clients: ['10.0.0.256/24'] },
    { ntp_pools: ['-x'] },
    { ntp_servers: ['a b'] },
    { ntp_local_stratum: 16 },
  ])
    t.notOk(vars.safeParse(bad).success, JSON.stringify(bad))
  t.end()
})

t.test('answers of dig are judged one by one', t => {
  const one = (flags: string, answer: string, status = 'NOERROR') =>
    `;; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 1\n;; flags: ${flags}; QUERY: 1, ANSWER: 1\n\n;; ANSWER SECTION:\n${answer}\n`
  const soa = { name: 'z', type: 'SOA', answer: '4' }
  const a = { name: 'h.z', type: 'A', answer: '10.0.0.1' }
  const served = (serial: number) =>
    `z.\t300\tIN\tSOA\tns.z. hostmaster.z. ${serial} 7200 900 1209600 60`
  const text = one('qr aa', served(4)) + one('qr aa', 'h.z. 300 IN A 10.0.0.1')
  const cases: readonly (readonly [string, string | true])[] = [
    [text, true],
    [one('qr aa', served(3)) + one('qr aa', 'h.z. 300 IN A 10.0.0.1'), 'and not 4'],
    [
      one('qr aa', served(4)) + one('qr', 'h.z. 300 IN A 10.0.0.1'),
      'h.z A: not from the authority',
    ],
    [one('qr aa', served(4)) + one('qr aa', ''), 'h.z A: nothing and not 10.0.0.1'],
    [one('qr aa', served(4)) + one('qr', '', 'REFUSED'), 'h.z A: REFUSED'],
    [';; connection timed out; no servers could be reached\n', '0 of 2 questions were answered'],
    ['', '0 of 2 questions were answered'],
  ]
  for (const [answer, verdict] of cases) {
    const got = judge([soa, a], parseDig(answer))
    if (verdict === true) t.equal(got, true)
    else t.match(String(got), verdict)
  }
  t.throws(() => parseDig('h.z. 300 IN A 10.0.0.1'), /unexpected/)
  t.strictSame(
    questionsOf({
      name: 'z',
      primary: 'ns.z',
      records: [
        record('h.z', 'A', '1'),
        record('r.z', 'A', '1'),
        record('r.z', 'A', '2'),
        record('*.z', 'A', '3'),
        record('1.z', 'PTR', 'h.z.'),
      ],
    }).map(q => q.name),
    ['h.z', '1.z'],
    'what has one answer',
  )
  t.end()
})

t.test('answers over NTP', t => {
  for (const [octets, verdict] of [
    ['  36  10\n', true],
    [' 36 2', true],
    ['', 'no answer'],
    [' 228 2', 'does not know the time'],
    [' 36 0', 'does not know the time'],
    [' 36 16', 'does not know the time'],
    [' 35 2', "not a server's"],
  ] as const)
    if (verdict === true) t.equal(judgeNtp(octets), true, octets)
    else t.match(String(judgeNtp(octets)), verdict)
  t.end()
})

t.test('CoreDNS listens for health checks where the variables say', t => {
  const o = { zones: ['cloud.internal'], addresses: ['10.17.3.11'], clients: ['10.0.0.0/8'] }
  const text = corefile({ ...o, vars: vars.parse({ dns_health_port: 9080, dns_ready_port: 9181 }) })
  t.match(text, /\n {4}health 127\.0\.0\.1:9080\n {4}ready 127\.0\.0\.1:9181\n/)
  t.equal(healthOf(text), '127.0.0.1:9080')
  t.match(applyFiles(['cloud.internal'], text, 'restart'), / 127\.0\.0\.1:9080 /)
  const script = checkCorefile('/usr/local/bin/coredns', 'cloud.internal', [])('/candidate')
  const [, sed = ''] = /sed ('[^']*')/.exec(script) ?? []
  const moved = execFileSync('sh', ['-c', `sed ${sed}`], { input: text, encoding: 'utf8' })
  t.match(moved, /\n {4}health 127\.0\.0\.1:18080\n {4}ready 127\.0\.0\.1:18181\n/)
  t.match(vars.safeParse({ dns_health_port: 8181 }).error?.issues, [
    { path: ['dns_ready_port'], message: /CoreDNS needs two ports/ },
  ])
  t.end()
})
