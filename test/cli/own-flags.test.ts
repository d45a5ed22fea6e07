// A hint that is pasted must work on the hosts that the user meant.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventWithOwnFlags, withOwnFlags } from '../../lib/cli/own-flags.ts'
import type { Event } from '../../lib/engine/events.ts'
import { ROOT, run } from '../rig/lab.ts'

const HINT = 'first fmc play site --limit m2; then fmc role nfs s1'

void t.test('commands in a text', t => {
  for (const [flags, expected] of [
    [{ inventory: 'inventory.yaml' }, HINT],
    [
      { inventory: 'inventory.yaml', lab: true },
      'first fmc play --lab site --limit m2; then fmc role --lab nfs s1',
    ],
    [
      { inventory: "it's.yaml" },
      "first fmc play -i 'it'\\''s.yaml' site --limit m2; then fmc role -i 'it'\\''s.yaml' nfs s1",
    ],
  ] as const)
    t.equal(withOwnFlags(HINT, flags), expected)
  for (const text of ['fmc secrets init', 'another fmc run holds the lock', 'fmc player x'])
    t.equal(withOwnFlags(text, { inventory: 'x', lab: true }), text)
  t.equal(withOwnFlags('fmc run a -- rm x', { inventory: 'x' }), 'fmc run -i x a -- rm x')
  t.end()
})

void t.test('failures and pages, but not what a host printed', t => {
  const o = { inventory: 'inventory.yaml', lab: true }
  const failure = { message: `no: ${HINT}`, hint: HINT, output: HINT }
  t.match(eventWithOwnFlags({ type: 'host', host: 'a', state: 'failed', failure }, o), {
    failure: { message: /fmc play --lab site/, hint: /fmc role --lab nfs/, output: HINT },
  })
  const page: Event = {
    type: 'page',
    title: 'x',
    findings: [{ level: 'broken', text: 'y', hint: HINT }],
  }
  t.match(eventWithOwnFlags(page, o), { findings: [{ hint: /fmc play --lab site/ }] })
  t.end()
})

void t.test('an error before the run', async t => {
  const inventory = join(t.testdir({}), 'two.yaml')
  writeFileSync(
    inventory,
    'timezone: UTC\ndomain: x.internal\nnetworks: { lan: { cidr: 192.168.7.0/24, mode: bridge } }\nhosts:\n  one: { os: debian 12, nics: [{ network: lan, address: 192.168.7.2 }] }\n  two: { os: debian 12, nics: [{ network: lan, address: 192.168.7.3 }] }\n  metal: { os: debian 12, nics: [{ network: lan, address: 192.168.7.4 }] }\ngroups: { hypervisors: { hosts: [metal] } }\n',
  )
  const { code, stderr } = await run([
    ...[process.execPath, join(ROOT, 'lib/bin.js'), 'play', 'remove', '-i', inventory],
  ])
  t.equal(code, 1)
  t.ok(stderr.includes(`fmc play -i ${inventory} remove --limit HOST`), stderr)
})
