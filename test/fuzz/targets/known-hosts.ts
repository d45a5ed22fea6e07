import { deepStrictEqual, ok } from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { UnreachableError } from '../../../lib/errors.ts'
import { parseAnswers, type Route } from '../../../lib/ssh/config.ts'
import { hostKeyError } from '../../../lib/ssh/errors.ts'
import { generateHostKey } from '../../../lib/ssh/host-key.ts'
import * as known from '../../../lib/ssh/known-hosts.ts'
import { target, type Target } from '../harness.ts'
import { mutants, nasty } from '../text.ts'

const KEYS = [1, 2, 3].map(n => Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0 key ${n}`))
const ENTRIES = [
  `n1,10.0.0.1 ssh-ed25519 ${KEYS[0]?.toString('base64') ?? ''} root@n1`,
  `[n2]:2222 ssh-rsa ${KEYS[1]?.toString('base64') ?? ''}`,
  `@revoked * ssh-ed25519 ${KEYS[2]?.toString('base64') ?? ''}`,
  `@cert-authority *.example,!bad.example ecdsa-sha2-nistp256 ${KEYS[0]?.toString('base64') ?? ''}`,
  `|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 ${KEYS[1]?.toString('base64') ?? ''}`,
  '# a comment\n\n',
]
const NAMES = ['n1', '10.0.0.1', '[n2]:2222', 'a.example', `${'a'.repeat(60)}.example`]

const anyFile = (text: string): void => {
  const entries = known.parseKnownHosts(text, 'known_hosts')
  const lines = text.split('\n')
  for (const e of entries) {
    const [, line = ''] = /^known_hosts:(\d+)$/.exec(e.where) ?? []
    ok(lines[Number(line) - 1]?.includes(e.hosts), `${e.where} does not have ${e.hosts}`)
    ok(Buffer.isBuffer(e.key) && /^[a-z][\w@.-]*$/.test(e.type) && !/\s/.test(e.hosts))
  }
  for (const name of NAMES) {
    const mine = known.knownFor(entries, name)
    deepStrictEqual(known.hostKeyOrder(mine).length, 6)
    const verdict = known.judge(mine, KEYS[0] ?? Buffer.alloc(0))
    // Whatever stands in the file, a key is known only where a line has that very key.
    if (verdict.kind === 'known')
      ok(mine.some(e => e.marker === undefined && e.key.equals(KEYS[0] ?? Buffer.alloc(0))))
  }
}
const SAMPLES = [ENTRIES.join('\n'), ...ENTRIES]
const knownHosts = target('ssh/known-hosts', mutants(SAMPLES), anyFile, {
  guided: { seeds: SAMPLES, holds: anyFile },
  examples: [`${'*a'.repeat(40)}x ssh-ed25519 ${KEYS[0]?.toString('base64') ?? ''}`],
})

const name = fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('n1', 'NODE-2', '::1'))
const filed = target(
  'ssh/known-name',
  fc.tuple(
    name,
    name,
    fc.integer({ min: 1, max: 65535 }),
    fc.uint8Array({ minLength: 20, maxLength: 20 }),
    fc.boolean(),
  ),
  ([host, other, port, salt, hashed]) => {
    const file = known.knownName(host, port)
    const salted = Buffer.from(salt)
    const hash = createHmac('sha1', salted).update(file).digest('base64')
    const hosts = hashed ? `|1|${salted.toString('base64')}|${hash}` : file
    const key = KEYS[0] ?? Buffer.alloc(0)
    const entries = known.parseKnownHosts(`${hosts} ssh-ed25519 ${key.toString('base64')}\n`, 'f')
    deepStrictEqual(known.judge(known.knownFor(entries, file), key), { kind: 'known' })
    const kind = known.judge(known.knownFor(entries, file), KEYS[1] ?? key).kind
    deepStrictEqual(kind, 'changed')
    const far = known.knownName(other, port)
    if (far !== file) deepStrictEqual(known.knownFor(entries, far), [])
  },
)

/** Patterns of a few stars, held against the regular expression that says the same. */
const letters = (all: string): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...Array.from(all)), { maxLength: 9 }).map(some => some.join(''))
const globs = target(
  'ssh/known-glob',
  fc.tuple(letters('ab.*?'), letters('ab.')),
  ([pattern, host]) => {
    if (pattern === '' || host === '') return
    const key = KEYS[0]?.toString('base64') ?? ''
    const entries = known.parseKnownHosts(`${pattern} ssh-ed25519 ${key}`, 'f')
    const source = pattern.replaceAll('.', '[.]').replaceAll('*', '.*').replaceAll('?', '.')
    deepStrictEqual(
      known.knownFor(entries, host).length,
      Number(new RegExp(`^${source}$`).test(host)),
    )
  },
)

const ROUTE = {
  target: { name: 'n1', port: 22, user: 'root' },
  host: '10.0.0.1',
  known: { name: 'n1', bare: undefined },
  knownHostsFiles: [],
} as unknown as Route

const shownKey = target(
  'ssh/host-key-shown',
  fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.constantFrom('unknown', 'revoked', 'changed')),
  ([bytes, kind]) => {
    const key = Buffer.from(bytes)
    const entry = { marker: undefined, hosts: 'n1', type: 'ssh-rsa', key, where: 'f:1' }
    const verdict = { kind, where: 'f:1', known: [entry] } as known.Verdict
    const error = hostKeyError(ROUTE, key, verdict)
    ok(error instanceof UnreachableError)
    // It is pasted: one line, whatever the host calls its key.
    ok(!/[\n\r\0]/.test(error.hint ?? ''))
  },
  {
    examples: [
      [new Uint8Array(), 'unknown'],
      [new Uint8Array([0, 0, 1]), 'revoked'],
    ],
  },
)

const configuration = target(
  'ssh/config',
  fc.oneof(
    mutants([
      'user root\nhostname 10.0.0.1\nport 22\nidentityfile ~/.ssh/a\nidentityfile ~/.ssh/b\nproxyjump none\n',
    ]),
    nasty(),
  ),
  text => {
    const wanted = new Map<string, string[]>()
    for (const line of text.split('\n')) {
      const [, key, value] = /^([^ ]*) ([\s\S]*)$/.exec(line) ?? []
      if (key !== undefined && value !== undefined)
        wanted.set(key, [...(wanted.get(key) ?? []), value])
    }
    deepStrictEqual(new Map(parseAnswers(text)), wanted)
  },
)

const made = target(
  'ssh/host-key-made',
  nasty(2),
  comment => {
    const pair = generateHostKey(comment)
    const body = pair.private.split('\n').slice(1, -2).join('')
    const whole = Buffer.from(body, 'base64')
    deepStrictEqual(whole.toString('latin1', 0, 15), 'openssh-key-v1\0')
    const blob = Buffer.from(pair.public.split(' ')[1] ?? '', 'base64')
    deepStrictEqual(known.keyType(blob), 'ssh-ed25519')
    ok(whole.includes(blob) && whole.includes(Buffer.from(comment)))
    // The encrypted part is padded to whole blocks (PROTOCOL.key).
    const at = 15 + 8 + 8 + 4 + 4 + 4 + blob.length
    deepStrictEqual(
      [whole.readUInt32BE(at) % 8, whole.length],
      [0, at + 4 + whole.readUInt32BE(at)],
    )
  },
  { weight: 0.2 },
)

export const knownHostsFiles: readonly Target[] = [
  ...[knownHosts, filed, globs, shownKey, configuration, made],
]
