import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { listeningIn, seenIn } from '../../../lib/firewall/found.ts'
import { target, type Target } from '../harness.ts'
import { mutants } from '../text.ts'

const SAID = [
  `tcp LISTEN 0      128          0.0.0.0:22        0.0.0.0:*
tcp LISTEN 0      4096   127.0.0.53%lo:53        0.0.0.0:*
tcp LISTEN 0      128             [::]:443          [::]:*
udp UNCONN 0      0       10.17.3.11%eth0:53        0.0.0.0:*
addr 2: eth0    inet 10.17.4.21/24 brd 10.17.4.255 scope global eth0
`,
]
const WHERE = /^(@(\d{1,3}\.){3}\d{1,3}|(\*|(\d{1,3}\.){3}\d{1,3}):\d{1,5}\/(tcp|udp))$/

/** Sockets of ss(8): places, at most one for each line, and never a loopback address. */
const listening = target(
  'firewall/listening',
  mutants(SAID),
  text => {
    const found = [...listeningIn(text)]
    ok(found.length <= text.split('\n').length)
    for (const where of found) {
      ok(WHERE.test(where), where)
      ok(!where.startsWith('127.'), where)
    }
  },
  { examples: [`tcp ${'%'.repeat(150_000)}:x:1`, `tcp ${':1'.repeat(50_000)}`] },
)

const address = fc.ipV4().filter(ip => !ip.startsWith('127.') && ip !== '0.0.0.0')
const socket = fc.tuple(
  fc.constantFrom('tcp', 'udp'),
  fc.oneof(fc.constantFrom('0.0.0.0', '*', '[::]'), address),
  fc.constantFrom('', '%eth0', '%wlan0.15'),
  fc.integer({ min: 1, max: 65_535 }),
)

/** What ss(8) says comes back. */
const sockets = target('firewall/sockets', fc.array(socket, { maxLength: 20 }), all => {
  const text = all.map(([p, ip, dev, port]) => `${p} UNCONN 0 0 ${ip}${dev}:${port} 0.0.0.0:*\n`)
  const places = all.map(
    ([p, ip, , port]) => `${['0.0.0.0', '[::]'].includes(ip) ? '*' : ip}:${port}/${p}`,
  )
  deepStrictEqual(listeningIn(text.join('')), new Set(places))
})

/** What a host has seen: numbers and known words. */
const seen = target('firewall/seen', mutants(['0 open\n1 silent\n17 refused\n']), text => {
  const words = ['open', 'answered', 'refused', 'unreachable', 'silent', 'failed']
  for (const [number, word] of seenIn(text)) {
    ok(Number.isInteger(number) && number >= 0)
    ok(words.includes(word), word)
  }
})

export const firewalls: readonly Target[] = [listening, sockets, seen]
