import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const INVENTORY = `timezone: UTC
domain: example.org
networks:
  lan: { cidr: 10.9.8.0/24, mode: bridge }
all:
  vars: { nfs_label: a, dns_ttl: 60 }
groups:
  top: { children: [storage], vars: { nfs_label: b } }
  storage:
    hosts: [nas1]
    vars:
      nfs_label: c
      postgresql_roles: [{ name: app, password: !secret app }, { name: old, password: hunter2 }]
hosts:
  nas1:
    os: debian 12
    nics: [{ network: lan, address: 10.9.8.1 }]
    vars:
      nfs_label: d
      nfs_exports: []
`

void t.test('where each variable comes from, and what it overrode', async t => {
  const dir = t.testdir({})
  writeFileSync(join(dir, 'inventory.yaml'), INVENTORY)
  const vars = (...args: string[]) =>
    run([process.execPath, join(ROOT, 'lib/bin.js'), 'vars', ...args], { cwd: dir })

  const all = await vars('nas1')
  t.equal(all.code, 0, all.stderr)
  t.match(
    all.stdout,
    `  nfs_label = d
      inventory.yaml:19:7 (host nas1)
      overrides a of inventory.yaml:6:11 (all)
      overrides b of inventory.yaml:8:39 (group top)
      overrides c of inventory.yaml:12:7 (group storage)
`,
  )
  t.match(all.stdout, '  dns_ttl = 60\n      inventory.yaml:6:25 (all)\n')
  t.match(all.stdout, /^ {2}nfs_\w+ = .*\n {6}default of the role nfs$/m)
  t.match(all.stdout, '{"name":"app","password":"!secret app"}')
  t.notMatch(all.stdout, /hunter2/, 'nor a password that is written out')

  const one = await vars('storage', 'nfs_label', '-e', 'nfs_label=e', '--output', 'json')
  const [version, line, ...more] = one.stdout
    .trim()
    .split('\n')
    .map(text => JSON.parse(text) as unknown)
  t.match(version, { type: 'version', contract: 1 })
  t.match(line, {
    ...{ type: 'variable', host: 'nas1', name: 'nfs_label', value: 'e', roles: ['nfs'] },
    from: { layer: '-e', file: '-e', line: 0 },
    overrides: [
      { value: 'a' },
      { value: 'b' },
      { value: 'c' },
      { value: 'd', line: 19, column: 7 },
    ],
  })
  t.same(more, [])

  const typo = await vars('nas1', 'nfs_labl')
  t.same(
    [typo.code, typo.stderr],
    [1, 'fmc: there is no variable nfs_labl\n  did you mean nfs_label?\n'],
  )
  const unset = await vars('nas1', 'k3s_token')
  t.equal(unset.code, 1)
  t.match(
    unset.stderr,
    /k3s_token is not set on nas1, and has no default there\n {2}fmc doc k3s-server/,
  )
})
