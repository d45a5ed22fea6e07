import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Host, Network } from '../../lib/index.ts'
import {
  compareExports,
  exportsFile,
  exportShares,
  exportsOf,
  parseExports,
  type Lookup,
} from '../../roles/nfs/exports.ts'
import { vars } from '../../roles/nfs/vars.ts'

const host = (name: string, ...nics: readonly (readonly [string, string])[]): Host =>
  ({ name, nics: nics.map(([network, address]) => ({ network, address })) }) as unknown as Host

const lookup: Lookup = {
  server: host('storage1', ['kube', '10.17.4.27']),
  networks: new Map([['kube', { name: 'kube', cidr: '10.17.4.0/24' } as Network]]),
  hosts: pattern => {
    if (pattern === 'databases') return [host('pg1', ['infra', '10.17.3.14'])]
    if (pattern === 'near') return [host('n1', ['lan', '192.168.0.9'], ['kube', '10.17.4.9'])]
    return pattern === 'nobody' ? [] : [host('bare')]
  },
}
const owner = { name: 'nfs-db', id: 5432 }
const shares = (...nfs_exports: readonly object[]) => vars.parse({ nfs_exports }).nfs_exports
const lines = (...some: readonly object[]) =>
  exportsFile(exportsOf(shares(...some), '/srv/nfs', lookup))

t.test('exports(5)', t => {
  t.equal(
    lines(
      { path: '/srv/nfs/db', clients: ['databases'], squash: 'all', owner },
      { path: '/srv/nfs/shared', clients: ['kube', '10.8.0.0/24'] },
      { path: '/srv/nfs/media', clients: ['near'], access: 'ro', squash: 'none', owner },
    ),
    `# Managed by fmc
/srv/nfs/db 10.17.3.14(rw,sync,no_subtree_check,all_squash,anonuid=5432,anongid=5432,mountpoint=/srv/nfs)
/srv/nfs/shared 10.17.4.0/24(rw,sync,no_subtree_check,root_squash,mountpoint=/srv/nfs)
/srv/nfs/shared 10.8.0.0/24(rw,sync,no_subtree_check,root_squash,mountpoint=/srv/nfs)
/srv/nfs/media 10.17.4.9(ro,sync,no_subtree_check,no_root_squash,mountpoint=/srv/nfs)
`,
  )
  const refused =
    (clients: readonly string[], path = '/srv/nfs/a') =>
    () =>
      lines({ path, clients })
  t.throws(refused(['0.0.0.0/0']), /everybody/)
  t.throws(refused(['10.0.0.0/0']), /everybody/)
  t.throws(refused(['nobody']), /nobody matches no network and no host with an address/)
  t.throws(refused(['bare']), /no host with an address/)
  t.throws(refused(['kube', 'kube'], '/srv/other'), /not below \/srv\/nfs/)
  t.throws(
    () =>
      lines({ path: '/srv/nfs/a', clients: ['kube'] }, { path: '/srv/nfs/a', clients: ['kube'] }),
    /exported to 10\.17\.4\.0\/24 twice/,
  )
  t.end()
})

t.test('vars refuse shares that cannot work', t => {
  const share = { path: '/srv/nfs/a', clients: ['kube'] }
  t.ok(vars.safeParse({ nfs_exports: [share] }).success)
  for (const bad of [
    { nfs_exports: [] },
    { nfs_exports: [{ ...share, path: '/srv/a b' }] },
    { nfs_exports: [{ ...share, path: '/srv/../etc' }] },
    { nfs_exports: [{ ...share, clients: [] }] },
    { nfs_exports: [{ ...share, squash: 'all' }] },
    { nfs_exports: [{ ...share, owner: { name: 'x', id: 0 } }] },
    { nfs_exports: [{ ...share, mode: 755 }] },
    { nfs_exports: [share], nfs_label: 'more than sixteen' },
  ])
    t.notOk(vars.safeParse(bad).success, JSON.stringify(bad))
  t.end()
})

t.test('the exports are compared as a set', t => {
  const want = exportsOf(
    shares(
      { path: '/srv/nfs/db', clients: ['databases'], squash: 'all', owner },
      { path: '/srv/nfs/shared', clients: ['kube'] },
    ),
    '/srv/nfs',
    lookup,
  )
  const db =
    '/srv/nfs/db  10.17.3.14(sync,wdelay,hide,no_subtree_check,mountpoint=/srv/nfs,anonuid=5432,anongid=5432,sec=sys,rw,root_squash,all_squash)\n'
  const shared =
    '/srv/nfs/shared  10.17.4.0/24(sync,wdelay,hide,no_subtree_check,mountpoint=/srv/nfs,sec=sys,rw,root_squash,no_all_squash)\n'
  for (const [text, verdict] of [
    [db + shared, true],
    [shared + db, true],
    [db, '/srv/nfs/shared is not exported to 10.17.4.0/24'],
    [
      '',
      '/srv/nfs/db is not exported to 10.17.3.14; /srv/nfs/shared is not exported to 10.17.4.0/24',
    ],
    [
      `${db}${shared}/srv/nfs/db  <world>(ro,sync)\n`,
      '/srv/nfs/db is exported to <world>, which nfs_exports does not declare',
    ],
    [db + shared.replace('rw', 'ro'), '/srv/nfs/shared is exported to 10.17.4.0/24 without rw'],
  ] as const)
    t.equal(compareExports(want, parseExports(text)), verdict)
  t.throws(() => parseExports('exportfs: no such thing\n'), /unexpected/)
  t.end()
})

const ETAB =
  '(rw,sync,wdelay,hide,nocrossmnt,secure,root_squash,no_all_squash,no_subtree_check,sec=sys)'

t.test('exports of others do not count, unless they hand out a declared directory', t => {
  const want = exportsOf(shares({ path: '/srv/nfs/shared', clients: ['kube'] }), '/srv/nfs', lookup)
  const own = exportsFile(want)
    .split('\n')
    .filter(l => l.startsWith('/'))
  const verdict = (line: string) =>
    compareExports(want, parseExports(`${line}\n${own.join('\n')}\n`))
  for (const other of [
    `/tank/media\t*${ETAB}`,
    `/tank/media\t192.168.0.0/24${ETAB}`,
    `/tank/a\\040b\t<world>${ETAB}`,
    `/tank\t2001:db8::/32${ETAB}`,
    `/tank\t@trusted${ETAB}`,
    `/srv/nfs/sharedother\t*${ETAB}`,
    `/srv/nfs/mine\t10.8.0.1${ETAB}`,
    `/srv\t10.8.0.1${ETAB}`,
    `/\t10.8.0.1${ETAB}`,
  ])
    t.equal(verdict(other), true, other)
  for (const path of ['/srv/nfs/shared', '/srv/nfs/shared/deep', '/srv/nfs'])
    t.equal(
      verdict(`${path}\t10.8.0.1${ETAB}`),
      `${path} is exported to 10.8.0.1, which nfs_exports does not declare`,
    )
  t.match(verdict(`/srv\t10.8.0.1${ETAB.replace('nocrossmnt', 'crossmnt')}`), /^\/srv is exported/)
  t.match(
    verdict('/srv/nfs/old\t10.17.4.0/24(rw,mountpoint=/srv/nfs,sec=sys)'),
    /^\/srv\/nfs\/old is exported/,
    'made by the role, declared no more',
  )
  t.end()
})

t.test('the role withdraws what it has made, and nothing else', t => {
  const want = exportsOf(shares({ path: '/srv/nfs/a', clients: ['kube'] }), '/srv/nfs', lookup)
  const dir = t.testdir({
    exportfs: `#!/bin/sh\necho "$@" >>"$LOG"\n[ "$1" != -a ]\n`,
    etab: [
      `/srv/nfs/a\t10.17.4.0/24(rw,no_subtree_check,mountpoint=/srv/nfs,anonuid=65534,sec=sys)`,
      `/srv/nfs/a\t10.8.0.1(rw,mountpoint=/srv/nfs,sec=sys)`,
      `/srv/nfs/old\t10.17.4.0/24(rw,sec=sys,mountpoint=/srv/nfs)`,
      `/srv/nfs2/x\t10.17.4.0/24(rw,mountpoint=/srv/nfs2)`,
      `/tank/media\t*${ETAB}`,
      '',
    ].join('\n'),
  })
  chmodSync(join(dir, 'exportfs'), 0o755)
  const log = join(dir, 'log')
  const script = exportShares(want).replaceAll('/var/lib/nfs/etab', join(dir, 'etab'))
  const ran = spawnSync('sh', ['-c', script], {
    env: { PATH: `${dir}:${process.env['PATH'] ?? ''}`, LOG: log },
    encoding: 'utf8',
  })
  t.equal(ran.status, 0, ran.stderr)
  t.strictSame(readFileSync(log, 'utf8').trim().split('\n'), [
    '-a',
    '-u 10.8.0.1:/srv/nfs/a',
    '-u 10.17.4.0/24:/srv/nfs/old',
  ])
  t.end()
})
