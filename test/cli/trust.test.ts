import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { distrust } from '../../lib/trust.ts'
import { ROOT, run } from '../rig/lab.ts'

const BIN = join(ROOT, 'lib/bin.js')
/** A user that fmc does not trust. */
const STRANGER = 4242
const INVENTORY = 'timezone: UTC\ndomain: trust.internal\nnetworks: {}\nhosts: {}\n'
const mark = (name: string): string => `writeFileSync(${JSON.stringify(name)}, '')`
const roleText = (name: string, more = ''): string =>
  `import { role, z } from 'fmc'\n${more}\nexport default role({ name: '${name}', summary: 'of a test', vars: z.object({}), async tasks() {}, handlers: {} })\n`

const root = process.getuid?.() === 0 ? {} : { skip: 'only root can give files away' }

interface Site {
  readonly dir: string
  readonly project: string
  /** Made by the code of the role when it runs; with -own: by that of the playbook. */
  readonly ran: string
  path(name: string): string
  fmc(args: readonly string[], env?: NodeJS.ProcessEnv, cwd?: string): ReturnType<typeof run>
}

/** A project with a role `mine` that imports a helper, below a directory of its own. */
const site = (t: Test): Site => {
  const dir = t.testdir({})
  const project = join(dir, 'above', 'project')
  const ran = join(dir, 'ran')
  const path = (name: string): string => join(project, name)
  for (const [name, text] of Object.entries({
    'inventory.yaml': INVENTORY,
    'roles/mine/index.ts': roleText('mine', "import './helper.ts'"),
    'roles/mine/helper.ts': `import { writeFileSync } from 'node:fs'\n${mark(ran)}\n`,
    'playbooks/own.ts': `import { writeFileSync } from 'node:fs'\nimport { playbook } from 'fmc'\n${mark(`${ran}-own`)}\nexport default playbook('own', [])\n`,
  })) {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), text)
  }
  return {
    dir,
    project,
    ran,
    path,
    fmc: (args, env = {}, cwd = project) =>
      run([process.execPath, BIN, ...args], {
        cwd,
        env: { SUDO_UID: '', FMC_CACHE: join(ROOT, '.tap/cache'), ...env },
      }),
  }
}

void t.test('code comes from the inventory’s directory and fmc’s own, never from here', async t => {
  const s = site(t)
  const elsewhere = join(s.dir, 'elsewhere')
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'inventory.yaml'), INVENTORY)
  const given = ['-i', join(elsewhere, 'inventory.yaml')]
  mkdirSync(s.path('roles/nfs'))
  writeFileSync(s.path('roles/nfs/index.ts'), roleText('nfs', "import '../mine/helper.ts'"))
  for (const [args, says] of [
    [['play', 'own', ...given], /there is no playbook own/],
    [['doc', 'mine', ...given], /there is no role mine/],
    [['lint', ...given], undefined],
    [['doc', ...given], undefined],
  ] as const) {
    const { stderr, stdout } = await s.fmc(args)
    if (says) t.match(stderr, says)
    t.notOk(existsSync(s.ran) || existsSync(`${s.ran}-own`), `${args.join(' ')}: ${stdout}`)
  }
  t.match((await s.fmc(['doc', 'nfs', ...given])).stdout, /exported over NFS/, 'fmc’s own role')
  const { code, stderr } = await s.fmc(['play', 'own', '--dry-run'])
  t.ok(
    existsSync(`${s.ran}-own`),
    `a project in the current directory is the default inventory’s: ${stderr}`,
  )
  t.equal(code, 1, 'there is nothing to do in it')
  rmSync(`${s.ran}-own`)
  await s.fmc(['play', './playbooks/own.ts', '--dry-run', ...given])
  t.ok(existsSync(`${s.ran}-own`), 'a playbook named by its path is meant')
})

const WAYS: readonly (readonly [what: string, (s: Site) => void, says: RegExp])[] = [
  [
    'the whole project is another user’s',
    s => {
      for (const name of ['.', ...(readdirSync(s.project, { recursive: true }) as string[])])
        chownSync(s.path(name), STRANGER, STRANGER)
    },
    /above\/project belongs to uid 4242, who could act as root/,
  ],
  ['the directory above', s => chownSync(dirname(s.project), STRANGER, 0), /above belongs to uid/],
  ['roles/', s => chownSync(s.path('roles'), STRANGER, 0), /project\/roles belongs to uid 4242/],
  [
    'the role’s file',
    s => chownSync(s.path('roles/mine/index.ts'), STRANGER, 0),
    /index\.ts belongs/,
  ],
  [
    'what it imports',
    s => chownSync(s.path('roles/mine/helper.ts'), STRANGER, 0),
    /helper\.ts belongs/,
  ],
  [
    'a file of mode 0666',
    s => chmodSync(s.path('roles/mine/helper.ts'), 0o666),
    /helper\.ts can be written by every user \(mode 0666\)/,
  ],
  [
    'a directory of mode 0777',
    s => chmodSync(s.path('roles/mine'), 0o777),
    /mine can be written by every user \(mode 0777\)/,
  ],
  [
    'a group that others are in',
    s => {
      chownSync(s.path('roles/mine'), 0, 4)
      chmodSync(s.path('roles/mine'), 0o775)
    },
    /mine can be written by its group, gid 4 \(mode 0775\)/,
  ],
  [
    'the directory above of mode 0777',
    s => chmodSync(dirname(s.project), 0o777),
    /above can be written by every user/,
  ],
  [
    'a link to another user’s role',
    s => {
      const theirs = join(s.dir, 'theirs')
      cpSync(s.path('roles/mine'), theirs, { recursive: true })
      chownSync(theirs, STRANGER, 0)
      rmSync(s.path('roles/mine'), { recursive: true })
      symlinkSync(theirs, s.path('roles/mine'))
    },
    /theirs belongs to uid 4242/,
  ],
  [
    'a link that goes through another user’s link',
    s => {
      mkdirSync(join(s.dir, 'theirs'))
      cpSync(s.path('roles/mine'), join(s.dir, 'good'), { recursive: true })
      symlinkSync('../good', join(s.dir, 'theirs/link'))
      chownSync(join(s.dir, 'theirs'), STRANGER, 0)
      rmSync(s.path('roles/mine'), { recursive: true })
      symlinkSync('../../../theirs/link', s.path('roles/mine'))
    },
    /theirs belongs to uid 4242/,
  ],
  [
    'an import from elsewhere',
    s => {
      writeFileSync(
        join(s.dir, 'far.ts'),
        `import { writeFileSync } from 'node:fs'\n${mark(s.ran)}\n`,
      )
      chownSync(join(s.dir, 'far.ts'), STRANGER, 0)
      writeFileSync(s.path('roles/mine/helper.ts'), "import '../../../../far.ts'\n")
    },
    /far\.ts belongs to uid 4242/,
  ],
]

for (const [what, spoil, says] of WAYS)
  for (const compiledBefore of [false, true])
    void t.test(`refused: ${what}${compiledBefore ? ', compiled earlier' : ''}`, root, async t => {
      const s = site(t)
      if (compiledBefore) {
        t.equal((await s.fmc(['doc', 'mine'])).code, 0)
        rmSync(s.ran)
      }
      spoil(s)
      for (const args of [['doc', 'mine'], ['lint']]) {
        const { code, stdout, stderr } = await s.fmc(args)
        t.equal(code, 1, args.join(' '))
        // Lint lists what it finds on stdout.
        const [said, other] = args[0] === 'lint' ? [stdout, stderr] : [stderr, stdout]
        t.match(said, says, args.join(' '))
        t.notMatch(stdout + stderr, /bug in fmc/)
        if (args[0] !== 'lint') t.equal(other, '')
        t.notOk(existsSync(s.ran), 'its code has not run')
        if (/whole project|directory above/.test(what))
          t.notOk(existsSync(`${s.ran}-own`), 'nor that of the playbook, which lint loads')
      }
    })

void t.test('following the hint repairs it', root, async t => {
  for (const [what, spoil] of WAYS.slice(0, 8)) {
    if (what === 'the directory above') continue
    const s = site(t)
    spoil(s)
    const { stderr } = await s.fmc(['doc', 'mine'])
    const hint = stderr.trimEnd().split('\n').at(-1)?.trim() ?? ''
    t.equal((await run(['sh', '-c', hint], { cwd: s.dir })).code, 0, hint)
    t.match(await s.fmc(['doc', 'mine']), { code: 0, stdout: /of a test/ }, `${what}: ${hint}`)
  }
  const s = site(t)
  chownSync(dirname(s.project), STRANGER, 0)
  const { stderr } = await s.fmc(['doc', 'mine'])
  t.match(
    stderr,
    /\n {2}cp -R \S*\/above\/project ~\/ && cd ~\/project\n$/,
    'another’s directory is left alone',
  )
})

void t.test('an inventory that others own or may write is refused', root, async t => {
  for (const spoil of [
    (file: string) => chownSync(file, STRANGER, 0),
    (file: string) => chmodSync(file, 0o666),
  ]) {
    const s = site(t)
    spoil(s.path('inventory.yaml'))
    for (const args of [['hosts'], ['play', 'site', '--dry-run'], ['run', 'all', '--', 'true']])
      t.match(await s.fmc(args), {
        code: 1,
        stderr: /the inventory .*inventory\.yaml is not used: /,
      })
  }
})

void t.test('trusted: the caller of sudo, root, /tmp, a private group', root, async t => {
  const s = site(t)
  for (const name of ['.', ...(readdirSync(s.project, { recursive: true }) as string[])])
    chownSync(s.path(name), STRANGER, STRANGER)
  t.match(await s.fmc(['doc', 'mine'], { SUDO_UID: String(STRANGER) }), { code: 0 })
  t.match(await s.fmc(['doc', 'mine'], { SUDO_UID: '4243' }), { code: 1 })
  t.match(await s.fmc(['doc', 'mine'], { SUDO_UID: `${STRANGER}x` }), { code: 1 })

  const dir = t.testdir({ sticky: { mine: 'x' }, group: 'x' })
  chmodSync(join(dir, 'sticky'), 0o1777)
  t.equal(distrust([join(dir, 'sticky/mine')]), undefined)
  writeFileSync(join(dir, 'sticky/theirs'), 'x')
  chownSync(join(dir, 'sticky/theirs'), STRANGER, 0)
  t.match(distrust([join(dir, 'sticky/theirs')]), { path: join(dir, 'sticky/theirs') })
  chmodSync(join(dir, 'group'), 0o664)
  t.equal(distrust([join(dir, 'group')]), undefined, 'root’s own group has root alone in it')
  t.equal(distrust([join(dir, 'nothing')]), undefined)
  symlinkSync('loop', join(dir, 'loop'))
  t.equal(distrust([join(dir, 'loop')]), undefined, 'a link to itself holds nothing')
})

void t.test('a cache that others own or may write is not used', root, async t => {
  const planted = "import { writeFileSync } from 'node:fs'\n"
  for (const [what, spoil, refused] of [
    ['another user’s', (dir: string) => chownSync(dir, STRANGER, 0), true],
    ['of mode 0777', (dir: string) => chmodSync(dir, 0o777), true],
    [
      'compiled/ another user’s',
      (dir: string) => chownSync(join(dir, 'compiled'), STRANGER, 0),
      true,
    ],
    ['compiled/ of mode 0777', (dir: string) => chmodSync(join(dir, 'compiled'), 0o777), true],
    [
      'a link to another user’s',
      (dir: string) => {
        cpSync(dir, `${dir}.theirs`, { recursive: true, preserveTimestamps: true })
        chownSync(`${dir}.theirs`, STRANGER, 0)
        rmSync(dir, { recursive: true })
        symlinkSync(`${dir}.theirs`, dir)
      },
      true,
    ],
    [
      'a module in it that is another user’s',
      (dir: string) => {
        for (const name of readdirSync(join(dir, 'compiled')))
          chownSync(join(dir, 'compiled', name), STRANGER, 0)
      },
      false,
    ],
    [
      'a module in it of mode 0666',
      (dir: string) => {
        for (const name of readdirSync(join(dir, 'compiled')))
          chmodSync(join(dir, 'compiled', name), 0o666)
      },
      false,
    ],
  ] as const) {
    const s = site(t)
    const cache = join(s.dir, 'cache')
    t.equal((await s.fmc(['doc', 'mine'], { FMC_CACHE: cache })).code, 0)
    rmSync(s.ran)
    const evil = join(s.dir, 'evil')
    for (const name of readdirSync(join(cache, 'compiled')).filter(n => n.endsWith('.mjs')))
      writeFileSync(join(cache, 'compiled', name), `${planted}${mark(evil)}\nexport default 1\n`)
    spoil(cache)
    const { code, stderr } = await s.fmc(['doc', 'mine'], { FMC_CACHE: cache })
    t.notOk(existsSync(evil), `${what}: nothing of it ran`)
    t.equal(code, refused ? 1 : 0, `${what}: ${stderr}`)
    if (refused)
      t.match(stderr, /^fmc: the cache .* is not used: .*(belongs to uid 4242|mode 0777)/)
  }
})
