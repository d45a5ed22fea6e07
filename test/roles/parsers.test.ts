// Every parser of what programs on hosts print: an answer, or the one TaskError that says what made no sense.
import t from 'tap'
import { hostItems, hostJson, nonsense, z } from '../../lib/index.ts'
import { illness } from '../../roles/addons/ready.ts'
import { readCharts } from '../../roles/shared/kubernetes/charts.ts'
import { errorIn, readTries } from '../../roles/shared/kubernetes/helm-pods.ts'
import { readReleases } from '../../roles/shared/kubernetes/releases.ts'
import { readNodes } from '../../roles/shared/kubernetes/nodes.ts'
import { readWorkloads, unready } from '../../roles/shared/kubernetes/workloads.ts'
import { parseDig } from '../../roles/shared/dns/dig.ts'
import { judgeNtp } from '../../roles/shared/dns/gates.ts'
import { parseListeners } from '../../roles/shared/ports.ts'
import { parseSerials } from '../../roles/coredns-chrony/serial.ts'
import { parsePresent } from '../../roles/shared/k3s/adoption.ts'
import { parseHeld } from '../../roles/shared/interface-of.ts'
import { parseClosed } from '../../roles/shared/firewalld/open.ts'
import { stillAdmits } from '../../roles/firewall/ssh.ts'
import { parseState as parseBalancer } from '../../roles/haproxy-keepalived/state.ts'
import { parsePods } from '../../roles/health/pods.ts'
import { parseDates } from '../../roles/shared/k3s/certificates.ts'
import { parseHost } from '../../roles/health/host.ts'
import { parseAnswers } from '../../roles/health/network.ts'
import { parseDevices } from '../../roles/hypervisor/network/devices.ts'
import { differences, traits, uuidIn } from '../../roles/hypervisor/network/libvirt-networks.ts'
import { readNotes } from '../../roles/hypervisor/vm/notes.ts'
import { parseCapacity } from '../../roles/hypervisor/host/preflight.ts'
import { readDomains } from '../../roles/hypervisor/vm/survey.ts'
import { readPools } from '../../roles/hypervisor/vm/volumes.ts'
import { parseXml } from '../../roles/hypervisor/host/xml.ts'
import { parseAgent } from '../../roles/shared/k3s/agent-state.ts'
import { parseStart } from '../../roles/shared/k3s/node-ready.ts'
import { lastWord, messageOf } from '../../roles/shared/k3s/journal.ts'
import { parseMembers, parseNodes, parseState } from '../../roles/shared/k3s/server-state.ts'
import { compareVersions, refusedStep } from '../../roles/shared/k3s/version.ts'
import { isThere } from '../../roles/shared/k3s/forget.ts'
import { readLonghorn, sickVolumes } from '../../roles/longhorn/health.ts'
import { mayGo } from '../../roles/longhorn/upgrade.ts'
import { parseNode } from '../../roles/shared/k3s/drain.ts'
import { parseExports } from '../../roles/nfs/exports.ts'
import { readState } from '../../roles/postgresql/sql.ts'
import { lastCopies } from '../../roles/remove/copies.ts'
import { keyIn, ownKeys, silentPeer } from '../../roles/wireguard/index.ts'
import { clientConfig } from '../../roles/wireguard/client.ts'
import { parseRunning, parseWritten } from '../../roles/wireguard/status.ts'
import { config, type KnownPeer } from '../../roles/wireguard/templates.ts'
import { vars as wireguardVars } from '../../roles/wireguard/vars.ts'
import type { Tunnel } from '../../roles/wireguard/vpn.ts'
import { Secret } from '../../lib/index.ts'
import { judgeClient } from '../../roles/freeipa-client/state.ts'
import { parseLdif } from '../../roles/freeipa/ldif.ts'
import { directoryOf } from '../../roles/freeipa/records.ts'
import { stoppedIn } from '../../roles/freeipa/services.ts'
import { parseSurvey } from '../../roles/shared/freeipa/survey.ts'

const said = (stdout: string) => ({ code: 0, stdout, stderr: '' })
const V = 'v1.36.3+k3s1'

/** By its name: each takes what a host printed. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  readCharts: text => readCharts(said(text)),
  readReleases: text => readReleases(said(text), 'app', 'app'),
  readTries: text => readTries(said(text), { kind: 'Job', metadata: { name: 'j' } }),
  errorIn: text => errorIn(said(text)),
  readNodes: text => readNodes(said(text)),
  readWorkloads(text) {
    const found = readWorkloads(said(text))
    return typeof found === 'string' ? found : unready(found)
  },
  illness: text => illness({ kind: 'Kafka', apiVersion: '', metadata: { name: text } }, []),
  readLonghorn(text) {
    const found = readLonghorn(said(text))
    return found === 'none' || 'problem' in found ? found : sickVolumes(found)
  },
  lastCopies: text => lastCopies('n', said(text)),
  parsePods: text => parsePods({ pods: said(text), now: 0, patience: 60 }),
  'parsePods, events': text =>
    parsePods({ pods: said('{"items":[]}'), events: said(text), now: 0, patience: 60 }),
  parseNodes,
  parseNode: text => parseNode(said(text)),
  parseDevices,
  readNotes: text =>
    readNotes({
      name: '',
      attributes: {},
      text: '',
      children: [{ name: 'x:machine', attributes: { a: 'urn:fmc:machine' }, children: [], text }],
    }),
  readState: text => readState(said(text), 'running'),
  parseState,
  'parseState, nodes': text =>
    parseState(
      `data yes\njoined yes\nunit ActiveState=active SubState=running NRestarts=0\nhealth {"health":"true"}\nready ok\nmembers x\nnodes ${text.replaceAll('\n', ' ')}`,
    ),
  parseMembers,
  lastWord,
  messageOf,
  'messageOf, quoted': text => messageOf(`msg="${text}"`),
  parseAgent,
  parsePresent,
  parseHeld,
  parseClosed,
  parseStart,
  compareVersions: text => compareVersions(text, V),
  refusedStep: text => refusedStep(text, V),
  mayGo: text => mayGo(text, '1.9.0'),
  isThere: text => isThere('n', { code: 1, stdout: '', stderr: text }),
  parseDates: text => parseDates(said(text)),
  parseHost,
  parseAnswers,
  parseXml,
  readDomains,
  'readDomains, after its head': text =>
    readDomains(`Id: 1\nState: running\nAutostart: enable\n${text}`),
  readPools: text => readPools(`# p State: running\n${text}`),
  traits,
  differences: text => differences('<network/>', text),
  uuidIn,
  parseCapacity,
  parseDig,
  judgeNtp,
  parseListeners,
  parseLdif: text => directoryOf(parseLdif(text)),
  'parseLdif, in an entry': text =>
    directoryOf(parseLdif(`dn: idnsname=a,idnsname=b.,cn=dns,dc=c\n${text}`)),
  stoppedIn,
  parseSurvey: text => judgeClient(parseSurvey(text), { host: 'h', realm: 'R' }),
  parseSerials: text => parseSerials(text, [{ name: 'z', path: '/z' }]),
  stillAdmits: text => stillAdmits({ input: [], forward: [] } as never, text),
  parseBalancer,
  parseExports,
  parseWritten: text => parseWritten(said(text)),
  parseRunning: text => parseRunning('wg0', text),
  silentPeer: text => silentPeer([], text),
  keyIn: text => keyIn(text, 'spoke'),
}

const deep = 100_000
const ITEM = '{"kind":"Volume","metadata":{"name":"a","namespace":"b"},"status":{},"spec":{}}'
const HOSTILE: Readonly<Record<string, string>> = {
  nothing: '',
  blanks: ' \n\t\n',
  null: 'null',
  'a number': '1e999',
  NaN: 'NaN',
  text: '"x"',
  'a list': '[]',
  'a list of nulls': '[null,null]',
  'an empty object': '{}',
  'items null': '{"items":null}',
  'items no list': '{"items":{"length":3}}',
  'items of nulls': '{"items":[null]}',
  'items of empty ones': '{"items":[{},{}]}',
  'items without metadata': '{"items":[{"metadata":null},{"metadata":3}]}',
  'items without names': '{"items":[{"metadata":{"name":null}}]}',
  'names of objects': '{"items":[{"metadata":{"name":{"toString":null}}}]}',
  'conditions no list':
    '{"items":[{"kind":"Node","metadata":{"name":"a"},"status":{"conditions":{}}}]}',
  'addresses null':
    '{"items":[{"kind":"Node","metadata":{"name":"a"},"status":{"addresses":[null]}}]}',
  'taints of text': '{"items":[{"kind":"Node","metadata":{"name":"a"},"spec":{"taints":"x"}}]}',
  'labels a text': '{"items":[{"kind":"Node","metadata":{"name":"a","labels":"xyz"}}]}',
  __proto__: '{"__proto__":{"items":[]},"items":[{"__proto__":{"metadata":{"name":"a"}}}]}',
  'a name twice': `{"items":[${ITEM},${ITEM}]}`,
  'huge numbers':
    '{"items":[{"kind":"DaemonSet","metadata":{"name":"a","generation":1e308},"status":{"replicas":-1e400}}]}',
  'names with a command': '{"items":[{"kind":"Node","metadata":{"name":"a; touch /tmp/x #"}}]}',
  'names with an escape':
    '{"items":[{"kind":"Node","metadata":{"name":"\\u001b]52;c;eA==\\u0007"}}]}',
  'nested lists': '['.repeat(deep),
  'nested lists, whole': '['.repeat(deep) + ']'.repeat(deep),
  'nested objects': '{"items":[{"metadata":'.repeat(deep),
  'nested objects, whole': `{"items":[{"metadata":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}]}`,
  'many items': `{"items":[${'{},'.repeat(50_000)}{}]}`,
  'many values in one item': `{"items":[{"metadata":{"name":"a"},"status":{"conditions":[${'{},'.repeat(120_000)}{}]}}]}`,
  'a long name': `{"items":[{"kind":"Node","metadata":{"name":"${'a'.repeat(1_000_000)}"}}]}`,
  'nested tags': '<a>'.repeat(deep),
  'nested tags, whole': '<a>'.repeat(deep) + '</a>'.repeat(deep),
  'many tags': '<a/>'.repeat(300_000),
  'a tag without an end': `<${'a'.repeat(300_000)}`,
  'tags without an end': '<network '.repeat(50_000),
  'attributes without an end': `<a ${'b '.repeat(100_000)}`,
  'a comment without an end': '<!--'.repeat(50_000),
  'no such character': '<a>&#1114112;</a>',
  'no character at all': `<a>&#${'9'.repeat(400)};</a>`,
  'a surrogate': '<a b="&#xD800;"/>',
  'an entity': '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/shadow">]><a>&e;</a>',
  'a domain of nothing': '<domain/><domain/>',
  'sizes of text':
    "<domain><name>a</name><uuid>00000000-0000-0000-0000-000000000000</uuid><memory unit='KiB'>x</memory></domain>".repeat(
      2,
    ),
  'lines of everything':
    'data yes\ndata yes\nnow 1\nnow x\nup NaN\nmemory 1e999\nunit x\nowed %zz\nlive z x\n',
  'a wrong escape': 'up 1\nmemory 1\nowed %zz%\n',
  'many lines': 'certificate 1\n'.repeat(150_000) + 'now 2\n',
  'a long line': 'x'.repeat(2_000_000),
  'many blanks': ' '.repeat(300_000),
  'many answers': ';; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n'.repeat(50_000),
  controls: '\0\u0001\u001b[2J\r\u0085\u202e\ud800',
}

/** Messages are one short line that no terminal acts upon. */
const isPlain = (message: string): boolean =>
  message.length < 600 && !/[\p{Cc}\u2028-\u202e\u2066-\u2069\ud800-\udfff]/u.test(message)

t.test('whatever a host prints', async t => {
  for (const [name, parse] of Object.entries(PARSERS))
    await t.test(name, t => {
      for (const [what, text] of Object.entries(HOSTILE)) {
        const begun = performance.now()
        let error: Error | undefined
        try {
          const found = parse(text)
          if (
            typeof found === 'string' &&
            !['illness', 'lastWord', 'messageOf', 'messageOf, quoted'].includes(name)
          )
            t.ok(isPlain(found), `${what}: ${found.slice(0, 300)}`)
        } catch (e) {
          error = e as Error
        }
        if (error !== undefined) {
          t.match(error, { name: 'TaskError' }, `${what}: ${String(error).slice(0, 300)}`)
          t.ok(isPlain(error.message), `${what}: the message`)
        }
        t.ok(performance.now() - begun < 3000, `${what}: at once`)
      }
      t.end()
    })
})

t.test('an error quotes the answer that makes no sense', t => {
  const pods = (text: string) => () => parsePods({ pods: said(text), now: 0, patience: 60 })
  t.throws(pods('{"items":[{"metadata":{"namespace":"a","name":"b"}},{"metadata":{}}]}'), {
    name: 'TaskError',
    message:
      /^kubectl gave an unexpected answer when asked for the pods: items\.1\.metadata\.\w+: nothing \(expected string\)$/,
  })
  t.throws(pods('Error from server'), {
    message:
      'kubectl gave an unexpected answer when asked for the pods: Error from server (this is not JSON)',
  })
  t.throws(() => parseXml('<a></b>'), {
    message:
      'libvirt gave an unexpected answer when asked for a definition: </b> (this is not XML)',
  })
  t.throws(
    () => parseNodes('{"items":[{"metadata":{"name":"$(reboot)"}}]}'),
    /items\.0\.metadata\.name/,
  )
  const two = '{"metadata":{"name":"m1"}}'
  t.throws(() => parseNodes(`{"items":[${two},${two}]}`), /a name occurs twice/)
  t.match(nonsense('p', 'w', 'é\u001b[2J\n\u202e'.repeat(100)).message, /^[ -~]{1,400}…?$/)
  t.throws(
    () => hostJson('p', 'w', `[${'[],'.repeat(3_000_000)}[]]`, z.unknown()),
    /more than 3000000 values/,
  )
  t.throws(
    () => hostItems('p', 'w', ' '.repeat(17 * 1024 ** 2), z.unknown()),
    /characters are more/,
  )
  t.strictSame(hostItems('p', 'w', '{"items":[1,2]}', z.number()), [1, 2])
  t.end()
})

const KEY = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw='

t.test('a key that a host reports is a key and nothing else', t => {
  t.equal(keyIn(`${KEY}\n`, 'spoke'), KEY)
  for (const text of [
    '',
    '\n',
    `${KEY}\nPostUp = touch /tmp/owned\n`,
    `${KEY}\n\n[Interface]\nPostUp = id\n`,
    `\n${KEY}\n`,
    ` ${KEY}`,
    `${KEY} #`,
    `${KEY}\r\n`,
    KEY.slice(1),
    `A${KEY}`,
    KEY.replace('w=', 'x='),
    KEY.replace('Z', '-'),
    KEY.replace('=', ''),
    '\0'.repeat(44),
  ])
    t.throws(
      () => keyIn(text, 'spoke'),
      { name: 'TaskError', message: /wg pubkey on spoke/ },
      JSON.stringify(text),
    )
  const peer = (name: string, key: string | undefined) =>
    ({ name, key, allowed: ['10.0.0.2/32'], keepalive: 0 }) as unknown as KnownPeer
  t.throws(
    () => ownKeys([peer('a', KEY), peer('b', undefined), peer('c', KEY)]),
    /a and c have the same public key/,
  )
  ownKeys([peer('a', KEY), peer('b', undefined), peer('c', undefined)])
  const tunnel = { address: '10.0.0.1/24' } as Tunnel
  const own = wireguardVars.parse({})
  t.match(config(tunnel, [peer('a', KEY)], own), `PublicKey = ${KEY}\n`)
  for (const bad of [`${KEY}\nPostUp = id`, `${KEY} x`, `${KEY}#`, ''])
    t.throws(() => config(tunnel, [peer('a', bad)], own), { name: 'TaskError' })
  const client = {
    address: '10.0.0.9',
    privateKey: new Secret('k'),
    presharedKey: undefined,
    dns: [],
    endpoint: 'h:1',
    allowed: [],
    keepalive: 0,
  }
  t.match(clientConfig({ ...client, hubKey: KEY }).reveal(), `PublicKey = ${KEY}\n`)
  t.throws(() => clientConfig({ ...client, hubKey: `${KEY}\nPostUp = id` }), { name: 'TaskError' })
  t.end()
})
