// The real K3s in the lab: what the inventory says, what is made of it, and, with FMC_TEST_K3S, a server that runs.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { statusText } from '../../lib/cli/commands/lab.ts'
import { lint } from '../../lib/inventory/lint.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { changesOf, inWords } from '../../lib/lab/changes.ts'
import { onRealK3s, standIns } from '../../lib/lab/doubles/stand-ins.ts'
import { givenK3s, realK3s } from '../../lib/lab/real-k3s.ts'
import type { LabHost, LabState } from '../../lib/lab/state.ts'
import { targetOf } from '../../lib/lab/target.ts'
import { rig } from '../rig/lab.ts'
import { realK3sOrSkip } from '../rig/real-k3s.ts'

const BASE = `timezone: UTC
domain: k3s.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
groups:
  k3s_servers: { hosts: [m1], vars: { k3s_token: !secret k3s_token } }
  k3s_agents: { hosts: [] }
  k3s_cluster: { children: [k3s_servers, k3s_agents], vars: { k3s_agent_token: !secret k3s_agent_token } }
hosts:
  m1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.21 }] }
  db1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.31 }] }
`
const SHA = 'ab'.repeat(32)
const sum = (text: string): string => createHash('sha256').update(text).digest('hex')
/** A program that says what K3s says. */
const program = (release: string): string => `#!/bin/sh\necho "k3s version ${release} (0123abcd)"\n`
const FIRST = program('v1.36.3+k3s1')
const NEXT = program('v1.36.4+k3s1')

/** An inventory with lab.k3s beside two programs. */
const project = (t: Test, k3s: string) => {
  const dir = t.testdir({
    'inventory.yaml': k3s === '' ? BASE : `lab: { k3s: ${k3s} }\n${BASE}`,
    bin: { k3s: FIRST, next: NEXT, other: '#!/bin/sh\necho ELF\nexit 1\n' },
    cache: {},
  })
  return { dir, file: join(dir, 'inventory.yaml') }
}

const own = (t: Test, name: string, value: string | undefined): void => {
  const before = process.env[name]
  set(name, value)
  t.teardown(() => set(name, before))
}

const set = (name: string, value: string | undefined): void => {
  if (value === undefined) Reflect.deleteProperty(process.env, name)
  else process.env[name] = value
}

void t.test('what is wrong with lab.k3s is one error with its place', async t => {
  for (const [what, k3s, message] of [
    ['neither', `{ sha256: ${SHA} }`, 'lab.k3s: expected either url or path, got neither'],
    [
      'both',
      `{ path: k3s, url: https://a.example/k3s, sha256: ${SHA} }`,
      'lab.k3s: expected either url or path, got both',
    ],
    ['no sha256', '{ path: bin/k3s }', 'sha256 is missing'],
    [
      'a short sha256',
      '{ path: bin/k3s, sha256: abc }',
      'lab.k3s.sha256: expected 64 hexadecimal digits, got "abc"',
    ],
    [
      'a URL as a path',
      `{ path: 'https://a.example/k3s', sha256: ${SHA} }`,
      /^lab\.k3s\.path: expected the path of a file on this machine/,
    ],
    [
      'another sha256',
      `{ path: bin/k3s, sha256: ${SHA} }`,
      /^lab\.k3s\.sha256: expected [0-9a-f]{64}, which .*\/bin\/k3s has$/,
    ],
    [
      'no such file',
      `{ path: bin/nothing, sha256: ${SHA} }`,
      /^lab\.k3s\.path: .*\/bin\/nothing cannot be read: ENOENT$/,
    ],
    [
      'a release that is none',
      `{ path: bin/k3s, sha256: ${sum(FIRST)}, releases: { next: { path: bin/next, sha256: ${SHA} } } }`,
      'bad name next',
    ],
    [
      'another sha256 of a release',
      `{ path: bin/k3s, sha256: ${sum(FIRST)}, releases: { v1.36.4+k3s1: { path: bin/next, sha256: ${SHA} } } }`,
      /^lab\.k3s\.releases\.v1\.36\.4\+k3s1\.sha256: expected [0-9a-f]{64}, which/,
    ],
  ] as const) {
    const { file } = project(t, k3s)
    const problems = await lint(file)
    t.match(
      problems.map(p => [p.severity, p.line, p.message]),
      [['error', 1, message]],
      what,
    )
    t.equal(problems.length, 1, what)
  }
  const fine = `{ path: bin/k3s, sha256: ${sum(FIRST)}, releases: { v1.36.4+k3s1: { path: bin/next, sha256: ${sum(NEXT)} } } }`
  t.strictSame(await lint(project(t, fine).file), [])
})

void t.test('the programs are asked which release they are', async t => {
  own(t, 'FMC_TEST_K3S', undefined)
  const load = async (k3s: string) => {
    const { dir, file } = project(t, k3s)
    own(t, 'FMC_CACHE', join(dir, 'cache'))
    return { dir, inventory: await loadInventory(file) }
  }
  const one = `{ path: bin/k3s, sha256: ${sum(FIRST)}`
  const { dir, inventory } = await load(
    `${one}, releases: { v1.36.4+k3s1: { url: "file:///nowhere", sha256: ${sum(NEXT)} } } }`,
  )
  const [first, next] = givenK3s(inventory)
  t.match(first, { key: 'lab.k3s', source: { path: join(dir, 'bin/k3s') } })
  const both = [first!, { ...next!, source: { url: `file://${join(dir, 'bin/next')}` } }]
  const { artifacts } = await realK3s(both)
  t.match(artifacts, {
    k3s: { version: 'v1.36.3+k3s1', sha256: sum(FIRST) },
    'k3s@v1.36.3+k3s1': { sha256: sum(FIRST) },
    'k3s@v1.36.4+k3s1': { version: 'v1.36.4+k3s1', sha256: sum(NEXT) },
  })
  t.equal(readFileSync(artifacts['k3s']?.path ?? '', 'utf8'), FIRST)
  await t.rejects(realK3s([{ ...first!, release: 'v1.36.4+k3s1', key: 'lab.k3s.releases.x' }]), {
    message: 'lab.k3s.releases.x: the program is v1.36.3+k3s1, not v1.36.4+k3s1',
  })

  const url = `https://a.example/next`
  const away = { ...next!, sha256: sum(NEXT), source: { url } }
  set('FMC_CACHE', join(dir, 'empty'))
  const offline = await realK3s([away], { artifactsDir: join(dir, 'bin') })
  t.match(offline.artifacts, { k3s: { version: 'v1.36.4+k3s1' } }, '--artifacts DIR has the file')

  const bad = await load(`{ path: bin/k3s, sha256: ${SHA} }`)
  await t.rejects(realK3s(givenK3s(bad.inventory)), {
    message:
      /^lab\.k3s is not available:\n {2}.*\/bin\/k3s: its sha256 is [0-9a-f]{64}, expected ab/,
  })
  const left = readdirSync(join(bad.dir, 'cache'), { recursive: true }).map(String)
  t.strictSame(
    left.filter(name => name.includes('realk3s') && !name.endsWith('.lock')),
    [],
    'nothing is left of it',
  )
  const other = readFileSync(join(bad.dir, 'bin/other'), 'utf8')
  const odd = await load(`{ path: bin/other, sha256: ${sum(other)} }`)
  await t.rejects(realK3s(givenK3s(odd.inventory)), {
    message: 'lab.k3s: the program does not say which release of K3s it is',
  })
})

void t.test('FMC_TEST_K3S gives programs to inventories that name none', async t => {
  const { dir, file } = project(t, '')
  const inventory = await loadInventory(file)
  const [a, b] = [join(dir, 'bin/k3s'), join(dir, 'bin/next')]
  const given = (value: string | undefined) => givenK3s(inventory, { FMC_TEST_K3S: value })
  t.strictSame(given(undefined), [])
  t.strictSame(given(''), [])
  t.match(given(a), [{ key: 'FMC_TEST_K3S', source: { path: a }, sha256: sum(FIRST) }])
  t.match(given(`${a}:${b}`), [{ source: { path: a } }, { sha256: sum(NEXT) }])
  t.throws(() => given('k3s'), {
    message: 'FMC_TEST_K3S: expected the absolute path of the program k3s, got k3s',
  })
  t.throws(() => given(`${dir}/no`), { message: `FMC_TEST_K3S: ${dir}/no cannot be read: ENOENT` })
  const named = await loadInventory(project(t, `{ path: bin/k3s, sha256: ${SHA} }`).file)
  t.match(givenK3s(named, { FMC_TEST_K3S: b }), [{ key: 'lab.k3s', sha256: SHA }])
})

void t.test(
  'machines: only hosts of the cluster change, and the lab says which K3s runs',
  async t => {
    own(t, 'FMC_TEST_K3S', undefined)
    const load = async (k3s: string) =>
      targetOf(await loadInventory(project(t, k3s).file), {}, undefined)
    const double = await load('')
    const real = await load(`{ path: bin/k3s, sha256: ${SHA} }`)
    t.strictSame(
      real.recipes.map(r => [r.name, r.k3s]),
      [
        ['m1', 'real'],
        ['db1', undefined],
      ],
    )
    t.equal(
      inWords(changesOf(double.recipes, real.recipes)),
      'rebuilt m1 because it gets the real K3s',
    )
    t.equal(
      inWords(changesOf(real.recipes, double.recipes)),
      'rebuilt m1 because it gets the double of K3s',
    )
    t.notOk('realK3s' in double.programs)
    const hosts = (target: typeof real) =>
      target.recipes.map(recipe => ({
        ...{ name: recipe.name, vm: false, personality: 'debian', recipe },
      })) as unknown as LabHost[]
    const artifacts = {
      k3s: { version: 'v1.36.3+k3s1', path: '/x', sha256: SHA },
      'k3s@v1.36.3+k3s1': { version: 'v1.36.3+k3s1', path: '/x', sha256: SHA },
    }
    t.match(
      standIns(double.inventory, hosts(double), false).join('\n'),
      /double stands in for K3s \(m1\)/,
    )
    t.notMatch(standIns(real.inventory, hosts(real), false).join('\n'), /stands in for K3s/)
    t.match(onRealK3s({ artifacts }, hosts(real)), [
      /^the real K3s \(m1\): v1\.36\.3\+k3s1 \(sha256 ab/,
      /^K3s in nspawn machines \(m1\)/,
    ])
    t.strictSame(onRealK3s({ artifacts }, hosts(double)), [])
    const status = (target: typeof real): string => {
      const [host] = hosts(target).map(h => ({ ...h, address: '192.168.0.21' }))
      if (!host) throw new Error('no host')
      const state = {
        ...{ name: 'x', dir: '/x', absent: [], fromImages: [], skippedRoles: [] },
        standIns: standIns(target.inventory, hosts(target), false),
        realK3s: onRealK3s({ artifacts }, hosts(target)),
      } as unknown as LabState
      return statusText(state, [{ host, state: 'running' }])
    }
    t.match(status(real), /\nThe real K3s:\n {2}- the real K3s \(m1\): v1\.36\.3\+k3s1 \(sha256 ab/)
    t.notMatch(status(real), /stands in for K3s/)
    t.notMatch(status(double), /The real K3s:/)
    t.match(
      status(double),
      /\nWhat is not the real thing:\n(.*\n)* {2}- .*stands in for K3s \(m1\)/,
    )
  },
)

void t.test('a server of the real K3s', { timeout: 600_000, skip: realK3sOrSkip }, async t => {
  const { file } = project(t, '')
  const r = await rig(t, 'test-real-k3s', { inventory: file, hosts: ['m1'] })
  t.match(r.state.realK3s?.[0], /^the real K3s \(m1\): v/)
  t.notMatch(r.state.standIns.join('\n'), /stands in for K3s/)
  const run = await r.fmc('role', 'k3s-server', 'm1')
  t.equal(run.code, 0, run.failures.join('\n'))
  t.match(run.recap, { failed: 0, unpredicted: 0, unneeded: 0 })
  const node = JSON.parse(await r.text('m1', 'k3s kubectl get node m1 -o json')) as {
    status: { nodeInfo: { containerRuntimeVersion: string } }
  }
  t.match(node.status.nodeInfo.containerRuntimeVersion, /^containerd:\/\/2/, 'the double has none')
  t.strictSame((await r.fmc('role', 'k3s-server', 'm1')).changed, [], 'nothing is left to do')
  const group = `/sys/fs/cgroup/memory/fmc-lab-${r.state.key}`
  await r.down()
  t.notOk(existsSync(group), 'its control groups are gone')
})
