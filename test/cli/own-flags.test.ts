// A hint that is pasted must work on the hosts that the user meant.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  eventWithOwnFlags,
  lastingLimit,
  sameCommand,
  withOwnFlags,
} from '../../lib/cli/own-flags.ts'
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
  const whole = 'fmc role nfs s1 --dry-run --out p.fmc'
  for (const text of [
    whole,
    'fmc plan site --out p.fmc',
    'fmc secrets init',
    'another fmc run holds the lock',
    'fmc player x',
  ])
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

void t.test('a hint for the playbook that runs keeps what the user has selected', t => {
  const o = { inventory: 'inventory.yaml', limit: ['m2:m3'], tags: ['a', 'b'], role: 'nfs' }
  for (const [text, expected] of [
    ['fmc play site', 'fmc play site --limit m2:m3 --tags a,b --role nfs'],
    [
      'to allow it: fmc play site -e x=1, then look',
      'to allow it: fmc play site -e x=1 --limit m2:m3 --tags a,b --role nfs, then look',
    ],
    ['fmc play site --limit w1', 'fmc play site --limit w1'],
    ['first: fmc play site --tags loadbalancers.', 'first: fmc play site --tags loadbalancers.'],
    ['fmc play health; fmc play site-2', 'fmc play health; fmc play site-2'],
  ] as const)
    t.equal(withOwnFlags(text, o, 'play site'), expected)
  t.equal(withOwnFlags('fmc play site', o), 'fmc play site', 'another command')
  t.equal(
    withOwnFlags('fmc play site', { ...o, tags: [], lab: true }, 'play site'),
    'fmc play --lab site --limit m2:m3 --role nfs',
  )
  t.end()
})

void t.test('the command that does the same again', t => {
  const o = { inventory: 'inventory.yaml' }
  for (const [options, expected] of [
    [{}, 'fmc play site'],
    [
      {
        limit: ['web', '!web3'],
        tags: ['a', 'b'],
        skipTags: ['c'],
        role: 'nfs',
        lab: true,
        vm: ['web1'],
        dirt: ['port-53', 'no-sftp'],
      },
      "fmc play site --limit web --limit '!web3' --tags a,b --skip-tags c --role nfs --lab --vm web1 --dirt port-53,no-sftp",
    ],
    [
      { inventory: "it's.yaml", extraVars: ['n=1', 'text=two words', '@more.yaml'] },
      "fmc play site -i 'it'\\''s.yaml' -e n=1 -e 'text=two words' -e @more.yaml",
    ],
    [
      { artifacts: '/srv/a', identity: 'age.key', askBecomePass: true, forks: '5' },
      'fmc play site --artifacts /srv/a --identity age.key -K --forks 5',
    ],
    [{ forks: '50' }, 'fmc play site'],
    [{ startAt: 'nfs/service x', step: true }, "fmc play site --start-at 'nfs/service x' --step"],
  ] as const)
    t.equal(sameCommand('play site', { ...o, ...options }), expected)
  t.equal(sameCommand('role nfs storage1', o), 'fmc role nfs storage1')
  const hosts = new Set(['a', 'b'])
  t.strictSame(lastingLimit(['@failed', '!c'], hosts), ['a,b'], '@failed of this run')
  t.strictSame(lastingLimit(['web'], hosts), ['web'])
  t.equal(lastingLimit(undefined, hosts), undefined)
  t.end()
})

void t.test('the command that does the same again shows no secret', t => {
  const canary = 'canary7'
  for (const given of [
    `db_password=${canary}`,
    `k3s_token=${canary}`,
    `proxy=http://user:${canary}@proxy:3128`,
    `users=[{"password":"${canary}"}]`,
    `{"password":"${canary}"}`,
    `tls=-----BEGIN PRIVATE KEY-----${canary}`,
    canary,
    `@${canary}`,
  ]) {
    const shown = sameCommand('play site', { inventory: 'i.yaml', extraVars: [given, 'n=1'] })
    t.notMatch(shown, canary)
    t.match(shown, /^fmc play site -i i\.yaml -e n=1 {3}# and your own -e \S/)
  }
  t.notMatch(sameCommand('play site', { inventory: 'i.yaml', identity: canary }), canary)
  t.end()
})
