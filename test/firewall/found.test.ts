import t from 'tap'
import { listeningOn, tryFrom } from '../../lib/cli/firewall/ask.ts'
import {
  differs,
  foundBy,
  LISTENING,
  listeningIn,
  listensOn,
  probeScript,
  seenIn,
  type Found,
  type Seen,
} from '../../lib/firewall/found.ts'
import type { Probe } from '../../lib/firewall/probes.ts'
import type { ScriptOptions, Session } from '../../lib/ssh/types.ts'
import { run } from '../rig/lab.ts'

void t.test('what became of a connection', t => {
  const rows: [
    Seen | undefined,
    proto: 'tcp' | 'udp',
    port: number,
    listens: boolean | undefined,
    Found,
  ][] = [
    ['open', 'tcp', 80, true, 'open'],
    ['open', 'tcp', 80, undefined, 'open'],
    ['refused', 'tcp', 80, false, 'no service'],
    ['refused', 'tcp', 80, undefined, 'no service'],
    ['refused', 'tcp', 80, true, 'rejected'],
    ['unreachable', 'tcp', 80, false, 'rejected'],
    ['unreachable', 'tcp', 80, undefined, 'unknown'],
    ['silent', 'tcp', 80, true, 'blocked'],
    ['silent', 'tcp', 80, false, 'blocked'],
    ['silent', 'tcp', 80, undefined, 'unknown'],
    ['failed', 'tcp', 80, true, 'unknown'],
    [undefined, 'tcp', 80, true, 'unknown'],
    ['answered', 'udp', 53, true, 'open'],
    ['refused', 'udp', 53, false, 'no service'],
    ['silent', 'udp', 53, true, 'blocked'],
    ['silent', 'udp', 51820, true, 'unknown'],
    ['silent', 'udp', 51820, false, 'blocked'],
    ['silent', 'udp', 53, undefined, 'unknown'],
  ]
  for (const [seen, proto, port, listens, found] of rows)
    t.equal(foundBy(seen, { proto, port }, listens), found, `${seen} ${port}/${proto} ${listens}`)
  const verdicts: [Found, allow: boolean | undefined, deny: boolean | undefined][] = [
    ['open', false, true],
    ['no service', false, true],
    ['blocked', true, false],
    ['rejected', true, false],
    ['unknown', undefined, undefined],
  ]
  for (const [found, allow, deny] of verdicts) {
    t.equal(differs({ declared: 'allow' }, found), allow, `${found}, allowed`)
    t.equal(differs({ declared: 'deny' }, found), deny, `${found}, denied`)
  }
  t.end()
})

void t.test('a line of any length takes no more time than its length', t => {
  const start = performance.now()
  for (const text of [
    `tcp ${'%'.repeat(1_000_000)}:x:1`,
    'tcp %:'.repeat(160_000),
    ' '.repeat(1e6),
  ])
    t.equal(listeningIn(text).size, 0)
  t.ok(performance.now() - start < 2000, `${performance.now() - start} ms`)
  const longest = '255.255.255.255%abcdefghijklmno:65535'
  t.strictSame([...listeningIn(`tcp LISTEN 0 1 ${longest} *:*`)], ['255.255.255.255:65535/tcp'])
  t.end()
})

void t.test('a host may print one MiB', async t => {
  const limits: (number | undefined)[] = []
  const session = (stdout: string, code = 0): Pick<Session, 'run'> => ({
    run: (_: string, { maxBytes }: ScriptOptions = {}) => {
      limits.push(maxBytes)
      return Promise.resolve({ code, stdout, stderr: 'bash: not found' })
    },
  })
  t.strictSame(
    await listeningOn(session('tcp LISTEN 0 1 0.0.0.0:22 0.0.0.0:*\n')),
    new Set(['*:22/tcp']),
  )
  t.equal(await listeningOn(session('', 127)), undefined)
  t.strictSame(await tryFrom(session('0 open\n'), [], 2), new Map([[0, 'open']]))
  await t.rejects(tryFrom(session('', 127), [], 2), { message: /bash: not found/ })
  t.strictSame(limits, Array<number>(4).fill(1_048_576))
})

void t.test('what ss(8) and a host say is data', t => {
  const set = listeningIn(`tcp LISTEN 0      128          0.0.0.0:22        0.0.0.0:*
tcp LISTEN 0      4096   127.0.0.53%lo:53        0.0.0.0:*
tcp LISTEN 0      4096      10.17.4.21:6443      0.0.0.0:*
tcp LISTEN 0      511                *:80              *:*
tcp LISTEN 0      128             [::]:443          [::]:*
tcp LISTEN 0      128            [::1]:25           [::]:*
udp UNCONN 0      0       10.17.3.11%eth0:53        0.0.0.0:*
tcp \u001b[2J garbage :x
raw UNCONN 0 0 0.0.0.0:99 0.0.0.0:*
addr 2: eth0    inet 10.17.4.21/24 brd 10.17.4.255 scope global eth0\\       valid_lft forever
addr 3: ppp0    inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0
`)
  t.strictSame(
    [...set],
    [
      '*:22/tcp',
      '10.17.4.21:6443/tcp',
      '*:80/tcp',
      '*:443/tcp',
      '10.17.3.11:53/udp',
      '@10.17.4.21',
      '@10.0.0.1',
    ],
  )
  t.ok(listensOn(set, { target: '192.0.2.1', port: 22, proto: 'tcp' }))
  t.ok(listensOn(set, { target: '10.17.4.21', port: 6443, proto: 'tcp' }))
  t.notOk(listensOn(set, { target: '10.17.4.22', port: 6443, proto: 'tcp' }), 'another address')
  t.notOk(listensOn(set, { target: '10.17.3.11', port: 53, proto: 'tcp' }), 'another protocol')

  t.strictSame(
    [
      ...seenIn(
        'Welcome\n0 open\n1 silent \n2 hacked\n3 refused\n99999999 open\n\u001b[2J4 open\n',
      ),
    ],
    [
      [0, 'open'],
      [3, 'refused'],
    ],
  )
  t.end()
})

const SERVER = `
const net = require('net'), dgram = require('dgram')
net.createServer(s => s.on('error', () => 0)).listen(8001, '0.0.0.0', () => {
  const dns = dgram.createSocket('udp4')
  dns.on('message', (m, r) => m.length === 17 && dns.send(m, r.port, r.address)).bind(53, '127.0.0.1', () => {
    const mute = dgram.createSocket('udp4')
    mute.bind(51820, '127.0.0.1', () => console.log('ready'))
  })
})`

void t.test('the script, in a network of its own', async t => {
  const probe = (target: string, proto: 'tcp' | 'udp', port: number): Probe => ({
    ...{ from: 'a', source: '192.0.2.1', to: 'b', target, proto, port },
    ...{ declared: 'allow', why: '', of: undefined },
  })
  const rows: [Probe, Seen][] = [
    [probe('127.0.0.1', 'tcp', 8001), 'open'],
    [probe('127.0.0.1', 'tcp', 8002), 'refused'],
    [probe('192.0.2.9', 'tcp', 80), 'silent'],
    [probe('198.51.100.1', 'tcp', 80), 'unreachable'],
    [probe('127.0.0.1', 'udp', 53), 'answered'],
    [probe('127.0.0.1', 'udp', 8002), 'refused'],
    [probe('127.0.0.1', 'udp', 51820), 'silent'],
    [probe('203.0.113.1', 'tcp', 80), 'unreachable'],
    ...Array.from({ length: 70 }, (): [Probe, Seen] => [probe('127.0.0.1', 'tcp', 8001), 'open']),
  ]
  // 192.0.2.9 answers nothing, 198.51.100.1 is behind a route that says so, 203.0.113.1 has none.
  const script = `ip link set lo up
ip link add d0 type veth peer name d1; ip link set d1 up; ip addr add 192.0.2.1/24 dev d0; ip link set d0 up
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev d0
ip route add unreachable 198.51.100.1
exec 4< <("$1" -e "$2"); server=$!
read -r _ <&4
${probeScript(
  rows.map(([p]) => p),
  3,
)}
kill $server`
  const listening = await run(['unshare', '-n', 'sh', '-c', LISTENING])
  t.match(listening, { code: 0, stderr: '' })
  t.strictSame([...listeningIn(listening.stdout)], [])
  const without = await run(['sh', '-c', `PATH=/nowhere; ${LISTENING}`])
  t.not(without.code, 0, 'a host without ss is not one on which nothing listens')
  const { stdout, stderr } = await run([
    'unshare',
    '-n',
    'bash',
    '-c',
    script,
    'bash',
    process.execPath,
    SERVER,
  ])
  t.equal(stderr, '')
  const seen = seenIn(stdout)
  t.strictSame(
    rows.map((_, i) => seen.get(i)),
    rows.map(([, expected]) => expected),
  )
})
