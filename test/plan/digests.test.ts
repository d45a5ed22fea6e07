// What a saved plan compares of a change: the same for the same change, and another one for every difference.
import fc from 'fast-check'
import t from 'tap'
import { canonical, comparable, savedChange } from '../../lib/engine/saved/digests.ts'
import { ask } from '../../lib/facts/index.ts'
import type { PlannedChange } from '../../lib/resources/scope.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { createRole } from '../../roles/postgresql/objects.ts'
import { digestWith, newDigestKey } from '../../lib/plan/box.ts'

const digest = digestWith({ digestKey: newDigestKey() })
const of = (change: PlannedChange) => savedChange(change, digest)

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, sorted(inner)]),
        )
      : value

void t.test('equal values, equal text; others, another one', t => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const [same, copy] = [canonical(a), canonical(structuredClone(a))]
      if (same !== copy) return false
      return (canonical(b) === same) === (JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)))
    }),
  )
  t.equal(canonical({ b: 1, a: undefined, c: [2] }), canonical({ c: [2], b: 1 }))
  t.not(canonical(new Secret('a')), canonical(new Secret('b')))
  t.not(canonical(Buffer.from('a')), canonical(Buffer.from('b')))
  t.not(canonical(new Map([['a', 1]])), canonical(new Map([['a', 2]])))
  t.end()
})

void t.test('a change: its scripts and results, not its words or where an upload comes from', t => {
  const change: PlannedChange = {
    what: 'content',
    prepare: 'p',
    script: 's',
    upload: { from: '/cache/a', to: '/opt/a' },
    factsAfter: [[ask('sha', '/x'), 'abc']],
    text: ['/x', 'x'],
  }
  const saved = of(change)
  t.match(of({ ...change, what: 'create' }), { way: saved.way, results: saved.results })
  t.equal(of({ ...change, upload: { from: '/cache/b', to: '/opt/a' } }).way, saved.way)
  t.equal(of({ ...change, script: new Secret('s') }).way, saved.way)
  for (const [name, other] of Object.entries({
    prepare: { ...change, prepare: 'q' },
    script: { ...change, script: 't' },
    upload: { ...change, upload: { from: '/cache/a', to: '/opt/b' } },
    reboots: { ...change, reboots: true as const },
  }))
    t.not(of(other).way, saved.way, name)
  t.notSame(of({ ...change, factsAfter: [[ask('sha', '/x'), 'def']] }).results, saved.results)
  t.notSame(of({ ...change, text: ['/x', 'y'] }).results, saved.results)
  t.strictSame(of({ what: 'run', script: 's' }).results, [of({ what: 'x', script: 's' }).way])
  t.strictSame(of({ what: 'a', factsAfter: [[ask('module', 'nfs'), true]] }).results, [])
  t.end()
})

void t.test('facts that change by themselves are not compared', t => {
  const offer = { versions: ['1'], lists: 100, unfetched: [], trouble: '' }
  const now = (lists: number, candidate: string) =>
    comparable(ask('debOffer', 'nginx *'), { ...offer, lists, candidate })
  t.equal(now(1, '1.2'), now(200_000, '1.2'))
  t.not(now(1, '1.2'), now(1, '1.3'))
  t.equal(comparable(ask('boot', ''), { id: 'a', upSeconds: 1 }), undefined)
  t.equal(comparable(ask('command', 'date'), { code: 0, stdout: 'now', stderr: '' }), 0)
  t.end()
})

void t.test(
  'a new salt of a password is no difference, another password is one for the secrets',
  t => {
    const sql = (): PlannedChange => ({
      what: 'create',
      script: createRole({ name: 'app', password: new Secret('hush-hush', 'app') }),
    })
    t.notMatch(JSON.stringify(of(sql())), /hush|SCRAM/)
    t.equal(of(sql()).way, of(sql()).way)
    t.end()
  },
)
