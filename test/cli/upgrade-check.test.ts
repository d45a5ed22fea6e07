// fmc upgrade-check against a copy of this fmc that was changed as a newer one may be.
import { chmodSync, cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { withFmc } from '../../lib/cli/project/other-fmc.ts'
import { differences, type Offer } from '../../lib/cli/project/upgrade.ts'
import { ROOT, run } from '../rig/lab.ts'

const fmc = (cwd: string, ...args: string[]) =>
  run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], { cwd })

const base: Offer = { version: '1.0.0', variables: {}, artifacts: {}, parts: [], problems: [] }
const v = (title: string, more: object = {}) => ({
  title: `role ${title}`,
  type: 'string',
  ...more,
})

const CASES: readonly (readonly [
  what: string,
  now: Partial<Offer>,
  next: Partial<Offer>,
  expected: readonly string[],
])[] = [
  [
    'nothing',
    { variables: { a: v('r') } },
    { variables: { a: v('r', { description: 'other words' }) } },
    [],
  ],
  [
    'a variable that the inventory sets is renamed',
    { variables: { nfs_threads: v('nfs') } },
    { variables: { nfs_thread: v('nfs') } },
    [
      'matters variable nfs_threads (inventory.yaml:9): removed from role nfs; did you mean nfs_thread?',
      'other variable nfs_thread: new in role nfs',
    ],
  ],
  [
    'one that it does not set is removed',
    { variables: { b: v('r') } },
    {},
    ['other variable b: removed from role r'],
  ],
  [
    'defaults: one that counts, one that the inventory overrides',
    { variables: { b: v('r', { default: 1 }), nfs_threads: v('nfs', { default: 8 }) } },
    { variables: { b: v('r', { default: 2 }), nfs_threads: v('nfs') } },
    [
      'matters variable b: default 1 → 2',
      'other variable nfs_threads (inventory.yaml:9): default 8 → none',
    ],
  ],
  [
    'values',
    { variables: { nfs_threads: v('nfs', { maximum: 8 }) } },
    { variables: { nfs_threads: v('nfs', { maximum: 4 }) } },
    ['matters variable nfs_threads (inventory.yaml:9): takes other values than before'],
  ],
  [
    'downloads, roles, playbooks',
    { artifacts: { k3s: '1', coredns: '1' }, parts: ['role a', 'playbook site'] },
    { artifacts: { k3s: '2', etcd: '1' }, parts: ['role b', 'playbook site'] },
    [
      'other role role a: removed',
      'other role role b: new',
      'other artifact k3s: 1 → 2',
      'other artifact coredns: 1 → none',
      'other artifact etcd: none → 1',
    ],
  ],
  [
    'lint and code',
    { problems: ['i.yaml:1:1: warning: old'] },
    {
      problems: ['i.yaml:1:1: warning: old', 'i.yaml:2:1: warning: new', 'i.yaml:3:1: error: new'],
      broken: 'r.ts:1:1: no',
    },
    [
      'breaks code r.ts:1:1: no',
      'breaks lint i.yaml:3:1: error: new',
      'matters lint i.yaml:2:1: warning: new',
    ],
  ],
]

void t.test('differences', t => {
  const used = new Map([['nfs_threads', 'inventory.yaml:9']])
  for (const [what, now, next, expected] of CASES)
    t.strictSame(
      differences({ ...base, ...now }, { ...base, ...next }, used).map(
        d => `${d.level} ${d.subject} ${d.text}`,
      ),
      expected,
      what,
    )
  t.end()
})

void t.test('code that others could have written is not run', async t => {
  const dir = t.testdir({
    node_modules: {
      diff: { 'index.js': '' },
      fmc: { 'package.json': '{"name":"fmc"}', lib: { 'bin.js': '' } },
    },
  })
  const root = join(dir, 'node_modules/fmc')
  for (const path of [dir, root])
    t.equal(await withFmc(path, found => Promise.resolve(found)), root, path)
  for (const [file, mode] of [
    ['fmc/lib/bin.js', 0o644],
    ['fmc/lib', 0o755],
    ['diff/index.js', 0o644],
  ] as const) {
    chmodSync(join(dir, 'node_modules', file), 0o777)
    for (const path of [dir, root])
      await t.rejects(
        withFmc(path, found => Promise.resolve(found)),
        { message: /can be written by every user/ },
        `${file} ${path}`,
      )
    chmodSync(join(dir, 'node_modules', file), mode)
  }
})

void t.test('against a changed fmc, as a directory and as a tarball', async t => {
  const dir = t.testdir({
    'inventory.yaml':
      'timezone: UTC\ndomain: a.internal\nnetworks: {}\nall:\n  vars:\n    nfs_root: /srv\nhosts: {}\n',
    playbooks: {
      'site.ts': "import { playbook } from 'fmc'\nexport default playbook('site', [])\n",
    },
    roles: {
      mine: {
        'index.ts':
          "import { stableMac, role, z } from 'fmc'\nexport default role({ name: 'mine', summary: '', vars: z.object({}), async tasks() { stableMac('a') } })\n",
      },
    },
    newer: {},
  })
  const newer = join(dir, 'newer', 'package')
  for (const part of ['dist', 'lib/bin.js', 'roles', 'playbooks', 'files', 'package.json'])
    cpSync(join(ROOT, part), join(newer, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(newer, 'node_modules'))
  const same = await fmc(dir, 'upgrade-check', newer)
  t.equal(same.code, 0, same.stderr)
  t.match(same.stdout, /^fmc \S+ → \S+: nothing changes for this project$/m)

  const edit = (file: string, from: RegExp, to: string): void => {
    const text = readFileSync(join(newer, file), 'utf8')
    if (!from.test(text)) throw new Error(`${file}: no ${String(from)}`)
    writeFileSync(join(newer, file), text.replace(from, to))
  }
  edit('roles/nfs/vars.ts', /^( *)nfs_root:/m, '$1nfs_roots:')
  edit('files/artifacts.yaml', /^coredns:\n {2}version: .*/m, 'coredns:\n  version: 9.9.9')
  edit('dist/index.js', /^ {2}stableMac,\n/m, '')
  rmSync(join(newer, 'playbooks/reboot.ts'))
  const changed = await fmc(dir, 'upgrade-check', newer)
  t.equal(changed.code, 1, changed.stdout + changed.stderr)
  for (const says of [
    /does not work with it as it is:\n {2}code: .*roles\/mine\/index\.ts:1:10: fmc has no export named stableMac/,
    /What this project uses and what changes:/,
    /variable: nfs_root \(inventory\.yaml:6\): removed from role nfs; did you mean nfs_roots\?/,
    /artifact: coredns: \S+ → 9\.9\.9/,
    /playbook: playbook reboot: removed/,
  ])
    t.match(changed.stdout, says)

  rmSync(join(newer, 'node_modules'))
  const tarball = join(dir, 'fmc-newer.tgz')
  t.equal((await run(['tar', '-czf', tarball, '-C', join(dir, 'newer'), 'package'])).code, 0)
  const packed = await fmc(dir, 'upgrade-check', tarball, '--output', 'json')
  t.equal(packed.code, 1, packed.stderr)
  const [version, versions, ...rest] = packed.stdout
    .trim()
    .split('\n')
    .map(l => JSON.parse(l) as Record<string, unknown>)
  t.match(version, { type: 'version', contract: 1 })
  t.match(versions, { type: 'versions' })
  t.ok(rest.some(d => d['level'] === 'breaks' && d['subject'] === 'code'))

  for (const [path, says] of [
    ['nowhere', /nowhere does not exist/],
    ['roles', /roles is not the package fmc/],
    ['inventory.yaml', /inventory\.yaml is no tarball of npm pack/],
  ] as const) {
    const { code, stderr } = await fmc(dir, 'upgrade-check', path)
    t.equal(code, 1)
    t.match(stderr, says)
  }
})
