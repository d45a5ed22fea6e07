import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const BIN = join(ROOT, 'lib/bin.js')
const root = process.getuid?.() === 0 ? {} : { skip: 'only root can mount' }

const project = (t: Test) => {
  const dir = t.testdir({
    'inventory.yaml':
      'timezone: UTC\ndomain: cache.internal\nnetworks: {}\nhosts:\n  a: { os: debian 12, ssh: { host: 127.0.0.1, port: 9 } }\n',
    roles: {
      mine: {
        'index.ts':
          "import { role, z } from 'fmc'\nexport default role({ name: 'mine', summary: 'of a test', vars: z.object({}), async tasks() {}, handlers: {} })\n",
      },
    },
  })
  const cache = join(dir, 'cache')
  const fmc = (
    args: readonly string[],
    env: NodeJS.ProcessEnv = { FMC_CACHE: cache },
    around: string[] = [],
  ) => run([...around, process.execPath, BIN, ...args], { cwd: dir, env })
  /** It works as if there was no cache, and says nothing of it. */
  const works = async (t: Test, what: string, env?: NodeJS.ProcessEnv, around?: string[]) => {
    t.match(
      await fmc(['doc', 'mine'], env, around),
      { code: 0, stderr: '', stdout: /^mine: of a test/ },
      what,
    )
    t.match(await fmc(['hosts'], env, around), { code: 0, stderr: '', stdout: /^a\n/ }, what)
  }
  const compiled = (end: string): string =>
    join(cache, 'compiled', readdirSync(join(cache, 'compiled')).find(n => n.endsWith(end)) ?? '')
  return { dir, cache, fmc, works, compiled }
}

const RUBBISH = ['', '[]', '{"sha256":1,"inputs":[]}', '\0'.repeat(100), 'x'.repeat(1e6)]

void t.test('a damaged compiled file is compiled again', async t => {
  const p = project(t)
  await p.works(t, 'the first time')
  const good = readFileSync(p.compiled('.mjs'), 'utf8')
  for (const end of ['.mjs', '.mjs.json'])
    for (const text of [...RUBBISH, 'throw new Error("planted")']) {
      writeFileSync(p.compiled(end), text)
      await p.works(t, `${end}: ${JSON.stringify(text).slice(0, 40)}`)
      t.equal(readFileSync(p.compiled('.mjs'), 'utf8'), good, 'and is whole again')
    }
  for (const size of [good.length >> 1, good.length - 1]) {
    truncateSync(p.compiled('.mjs'), size)
    await p.works(t, `cut off after ${size} bytes`)
  }
})

void t.test('directories, links and pipes in place of cache files', async t => {
  const ways: readonly (readonly [string, (path: string) => void])[] = [
    ['a directory', path => void mkdirSync(join(path, 'x'), { recursive: true })],
    ['a FIFO', path => void execFileSync('mkfifo', [path])],
    ['a link to nothing', path => symlinkSync('nowhere', path)],
    ['a link to itself', path => symlinkSync(path, path)],
    ['a link to a device', path => symlinkSync('/dev/zero', path)],
  ]
  for (const [what, make] of ways)
    for (const which of ['compiled/*.mjs', 'compiled/*.json', 'inventory/*.json']) {
      const p = project(t)
      await p.works(t, 'the first time')
      const [folder = '', end = ''] = which.split('/*')
      for (const name of readdirSync(join(p.cache, folder)).filter(n => n.endsWith(end))) {
        rmSync(join(p.cache, folder, name))
        make(join(p.cache, folder, name))
      }
      await p.works(t, `${which} is ${what}`)
    }
})

void t.test('the cache directory cannot be made', async t => {
  const p = project(t)
  writeFileSync(join(p.dir, 'file'), 'x')
  const none = { FMC_CACHE: '', XDG_CACHE_HOME: '', TMPDIR: p.dir }
  const before = readdirSync(p.dir).sort()
  for (const [what, env] of [
    ['it is a file', { FMC_CACHE: join(p.dir, 'file') }],
    ['it is below a file', { FMC_CACHE: join(p.dir, 'file/cache') }],
    ['it is a device', { FMC_CACHE: '/dev/null' }],
    ['it is in /proc', { FMC_CACHE: '/proc/fmc' }],
    ['its name is too long', { FMC_CACHE: `/tmp/${'x'.repeat(300)}` }],
    ['HOME is a file', { ...none, HOME: join(p.dir, 'file') }],
  ] as const)
    await p.works(t, what, env)
  t.strictSame(readdirSync(p.dir).sort(), before, 'nothing was left')
})

void t.test(
  'HOME and XDG_CACHE_HOME that are no absolute paths never mean the current directory',
  async t => {
    const p = project(t)
    const home = join(p.dir, 'home')
    // The users of this machine, with a home directory of the test's for root.
    const passwd = join(p.dir, 'passwd')
    writeFileSync(
      passwd,
      readFileSync('/etc/passwd', 'utf8').replace(/^(root:(?:[^:]*:){4})[^:]*/m, `$1${home}`),
    )
    const around = [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount --bind ${passwd} /etc/passwd && exec "$@"`,
      'sh',
    ]
    const before = readdirSync(p.dir).sort()
    for (const [what, env] of [
      ['HOME is empty', { HOME: '', XDG_CACHE_HOME: '' }],
      ['HOME is relative', { HOME: 'here', XDG_CACHE_HOME: '' }],
      ['XDG_CACHE_HOME is relative', { HOME: home, XDG_CACHE_HOME: 'here' }],
      ['HOME does not exist', { HOME: join(home, 'deep/down'), XDG_CACHE_HOME: '' }],
    ] as const) {
      rmSync(home, { recursive: true, force: true })
      await p.works(t, what, { FMC_CACHE: '', ...env }, around)
      t.ok(existsSync(home), `${what}: the cache is in the home directory`)
      t.strictSame(
        readdirSync(p.dir)
          .filter(n => n !== 'home')
          .sort(),
        before,
        what,
      )
    }
    const dirs = readdirSync(home, { recursive: true, withFileTypes: true }).filter(e =>
      e.isDirectory(),
    )
    for (const dir of dirs)
      t.equal(
        statSync(join(dir.parentPath, dir.name)).mode & 0o077,
        0,
        `${dir.name} is the user's alone`,
      )
  },
)

void t.test('a cache that is read-only or full', root, async t => {
  const p = project(t)
  await p.works(t, 'the first time')
  const small = join(p.dir, 'small')
  mkdirSync(small)
  const touched = "printf '\\n' >>roles/mine/index.ts; printf '\\n' >>inventory.yaml"
  for (const [what, prepare, env] of [
    [
      'read-only',
      `mount --bind ${p.cache} ${p.cache} && mount -o remount,ro,bind ${p.cache}; ${touched}`,
      { FMC_CACHE: p.cache },
    ],
    ['read-only and empty', `mount -t tmpfs -o ro none ${small}`, { FMC_CACHE: small }],
    [
      'full',
      `mount -t tmpfs -o size=4k none ${small}; head -c 4096 /dev/zero >${small}/x; ${touched}`,
      { FMC_CACHE: join(small) },
    ],
    ['without inodes', `mount -t tmpfs -o nr_inodes=1 none ${small}`, { FMC_CACHE: small }],
  ] as const)
    await p.works(t, what, env, ['unshare', '-m', 'sh', '-c', `${prepare}; exec "$@"`, 'sh'])
})
