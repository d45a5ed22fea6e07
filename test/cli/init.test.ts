// fmc init, fmc list and fmc test in projects of their own; test/package.test.ts does the same with an installed package.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { askInventory, inventoryText } from '../../lib/cli/project/inventory-text.ts'
import { fmcSpec, missingTypes } from '../../lib/cli/project/fmc-spec.ts'
import { ROOT, run } from '../rig/lab.ts'

const fmc = (cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], { cwd, env })

const FILES = [
  '.gitignore',
  '.npmrc',
  'README.md',
  'eslint.config.js',
  'inventory.yaml',
  'package.json',
  'playbooks',
  'roles',
  'tsconfig.json',
]

void t.test('a new project lints clean, and its role is told apart from fmc’s', async t => {
  const dir = t.testdir({})
  const made = await fmc(dir, ['init', 'my-cloud'])
  t.equal(made.code, 0, made.stderr)
  t.match(made.stdout, /cd my-cloud && npm install/)
  const project = join(dir, 'my-cloud')
  t.strictSame(readdirSync(dir), ['my-cloud'], 'nothing else is left')
  t.strictSame(readdirSync(project).sort(), FILES)
  const { name, dependencies } = JSON.parse(
    readFileSync(join(project, 'package.json'), 'utf8'),
  ) as {
    name: string
    dependencies: Record<string, string>
  }
  t.strictSame([name, dependencies], ['my-cloud', { fmc: `file:${ROOT}` }])
  const lint = await fmc(project, ['lint'])
  t.equal(lint.code, 0, lint.stdout)
  mkdirSync(join(project, 'roles/nfs'))
  writeFileSync(
    join(project, 'roles/nfs/index.ts'),
    "import { role, z } from 'fmc'\nexport default role({ name: 'nfs', summary: 'Mine', vars: z.object({}), async tasks() {} })\n",
  )
  const list = (await fmc(project, ['list'])).stdout
  t.match(list, /^ {2}site +this project; shadows fmc's$/m)
  t.match(list, /^ {2}health +fmc$/m)
  t.match(list, /^ {2}motd +this project$/m)
  t.match(list, /^ {2}nfs +this project; shadows fmc's$/m)
  t.match(list, /^ {2}postgresql +fmc$/m)
  const lines = (await fmc(project, ['list', '--output', 'json'])).stdout.trim().split('\n')
  const [version, ...rest] = lines.map(line => JSON.parse(line) as Record<string, unknown>)
  t.match(version, { type: 'version', contract: 1 })
  t.match(
    rest.find(l => l['name'] === 'nfs'),
    { type: 'role', from: 'project', shadows: true, file: join(project, 'roles/nfs/index.ts') },
  )
  const docs = (await fmc(project, ['doc'])).stdout
  t.match(docs, /^motd +What people see when they log in \(this project\)$/m)
  t.match(docs, /^nfs +Mine \(this project; shadows fmc's\)$/m)
  t.notMatch(docs, /postgresql.*\(fmc\)/)
  t.match(
    (await fmc(project, ['doc', 'motd'])).stdout,
    /^From: .*roles\/motd\/index\.ts \(this project\)$/m,
  )
})

void t.test('the seed example keeps fmc’s own site', async t => {
  const dir = t.testdir({})
  const made = await fmc(dir, ['init', '.', '--from-example', 'seed'])
  t.equal(made.code, 0, made.stderr)
  t.match((await fmc(dir, ['list'])).stdout, /^ {2}site +fmc$/m)
  const lint = await fmc(dir, ['lint'])
  t.equal(lint.code, 0, lint.stdout)
  t.notMatch(lint.stdout, /error:/)
})

void t.test('fmc init refuses, and writes nothing', async t => {
  const dir = t.testdir({ full: { 'a.txt': '', '.b': '' }, file: '', empty: {}, open: {} })
  chmodSync(join(dir, 'open'), 0o777)
  for (const [name, says] of [
    ['full', /full is not empty: \.b, a\.txt\n {2}fmc init NAME/],
    ['file', /file is a file/],
    ['My Cloud', /"My Cloud" cannot be the name of a project/],
    ['fmc', /could not depend on fmc/],
    ['node_modules', /cannot be the name/],
    ['.hidden', /cannot be the name/],
    ['a\u001b[2J', /cannot be the name/],
    ['no/such/dir', /no\/such is no directory\n {2}mkdir -p/],
    ['file/below', /file is no directory/],
    ['open/cloud', /can be written by every user/],
  ] as const) {
    const { code, stderr, stdout } = await fmc(dir, ['init', name])
    t.equal(code, 1, name)
    t.match(stderr, says)
    t.equal(stdout, '')
  }
  t.strictSame(readdirSync(dir).sort(), ['empty', 'file', 'full', 'open'])
  t.strictSame(readdirSync(join(dir, 'open')), [])
  t.equal((await fmc(dir, ['init', 'empty', '--from-example', 'large'])).code, 1)
  t.strictSame(readdirSync(join(dir, 'empty')), [])
})

void t.test('--age makes an identity once, and a secrets file that it opens', async t => {
  const dir = t.testdir({})
  const env = { FMC_AGE_IDENTITY: join(dir, 'identity.txt') }
  const made = await fmc(dir, ['init', 'one', '--age'], env)
  t.equal(made.code, 0, made.stderr)
  t.equal(statSync(join(dir, 'identity.txt')).mode & 0o777, 0o600)
  const identity = readFileSync(join(dir, 'identity.txt'), 'utf8')
  t.notOk(made.stdout.includes('AGE-SECRET-KEY') || made.stderr.includes('AGE-SECRET-KEY'))
  t.equal((await fmc(join(dir, 'one'), ['secrets', 'set', 'a_secret', '--random'], env)).code, 0)
  t.equal((await fmc(dir, ['init', 'two', '--age'], env)).code, 0)
  t.equal(readFileSync(join(dir, 'identity.txt'), 'utf8'), identity, 'it is used again')
  writeFileSync(join(dir, 'identity.txt'), 'no identity\n')
  const refused = await fmc(dir, ['init', 'three', '--age'], env)
  t.equal(refused.code, 1)
  t.notOk(existsSync(join(dir, 'three')))
  t.strictSame(readdirSync(dir).sort(), ['identity.txt', 'one', 'two'])
})

void t.test('on a terminal it asks until every answer is right', async t => {
  const typed = [
    'not_a_domain',
    'my.internal',
    'Mars/Base',
    'Europe/Madrid',
    '10.0.0.1/24',
    '10.0.0.0/24',
    '10.1.0.1',
    '',
    'adm',
  ]
  typed.push(
    'Bad Host',
    'db1',
    '10.0.0.0',
    '10.0.0.1',
    '10.0.0.5',
    'windows',
    'rocky 9',
    'db1',
    'db2',
    '10.0.0.5',
    '10.0.0.6',
    '',
    'done',
  )
  const said: string[] = []
  const answers = await askInventory(
    () => Promise.resolve(typed.shift() ?? t.fail('asked too often')) as Promise<string>,
    text => said.push(text),
  )
  t.strictSame(answers, {
    domain: 'my.internal',
    timezone: 'Europe/Madrid',
    cidr: '10.0.0.0/24',
    gateway: '10.0.0.1',
    user: 'adm',
    hosts: [
      { name: 'db1', address: '10.0.0.5', os: 'rocky 9' },
      { name: 'db2', address: '10.0.0.6', os: 'rocky 9' },
    ],
  })
  t.strictSame(said, [
    'not_a_domain: expected a DNS domain such as cloud.internal',
    'Mars/Base: expected a time zone such as Europe/Madrid or UTC',
    '10.0.0.1/24: it has host bits set; the network is 10.0.0.0/24',
    '10.1.0.1: no host of 10.0.0.0/24 can have this address',
    'Bad Host: expected a host name: a-z, 0-9 and -',
    '10.0.0.0: no host of 10.0.0.0/24 can have this address',
    '10.0.0.1: the gateway has it',
    'windows: expected debian 12, ubuntu 24.04, almalinux 9, rocky 9 or flatcar',
    'db1: there is such a host already',
    '10.0.0.5: db1 has it',
  ])
  t.equal(typed.length, 0)
  t.match(inventoryText(answers), /ssh: \{ user: adm, sudo: true \}/)
})

void t.test('package.json asks for the fmc that made it', t => {
  const lock = (resolved: string): string =>
    JSON.stringify({ packages: { 'node_modules/fmc': { resolved } } })
  const at = (text?: string): string =>
    join(
      t.testdir({
        node_modules: { fmc: {}, ...(text === undefined ? {} : { '.package-lock.json': text }) },
      }),
      'node_modules/fmc',
    )
  t.equal(fmcSpec('/src/fmc'), 'file:/src/fmc')
  t.match(fmcSpec(at(lock('https://registry.npmjs.org/fmc/-/fmc-1.0.0.tgz'))), /^\^\d+\.\d+\.\d+/)
  t.match(fmcSpec(at()), /^\^\d+\.\d+\.\d+/)
  t.equal(
    fmcSpec(at(lock('git+ssh://git@example.org/fmc.git#abc'))),
    'git+ssh://git@example.org/fmc.git#abc',
  )
  const installed = at(lock('file:../fmc-0.1.0.tgz'))
  t.equal(fmcSpec(installed), `file:${join(installed, '../../../fmc-0.1.0.tgz')}`)
  t.end()
})

void t.test('fmc test runs a project’s tests, and names them by their sources', async t => {
  const test = (body: string): string =>
    `import assert from 'node:assert/strict'\nimport { test } from 'node:test'\nimport { two } from './two.ts'\ntest('adds', () => assert.equal(1 + 1, ${body}))\n`
  const dir = t.testdir({
    'inventory.yaml': 'timezone: UTC\ndomain: a.internal\nnetworks: {}\nhosts: {}\n',
    roles: {
      good: { 'index.test.ts': test('two'), 'two.ts': 'export const two: number = 2\n' },
      bad: { 'index.test.ts': test('two'), 'two.ts': 'export const two: number = 3\n' },
      later: {
        'index.test.ts':
          "import { test } from 'node:test'\ntest('later', { todo: true }, () => { throw new Error('not yet') })\n",
      },
      none: { 'index.ts': '' },
      broken: { 'index.test.ts': 'const = 5\n' },
    },
  })
  const good = await fmc(dir, ['test', 'good'])
  t.equal(good.code, 0, good.stdout + good.stderr)
  t.match(good.stdout, /✔ adds/)
  t.match(good.stdout, /^ℹ fail 0$/m)
  const bad = await fmc(dir, ['test', 'good', 'bad'])
  t.equal(bad.code, 2, bad.stdout + bad.stderr)
  t.match(bad.stdout, /roles\/bad\/index\.test\.ts/)
  t.match(bad.stdout, /2 !== 3/)
  t.notMatch(bad.stdout, /\.mjs|\u001b/)
  const later = await fmc(dir, ['test', 'later'])
  t.equal(later.code, 0, 'a test that is still to do may fail')
  for (const [role, says] of [
    ['none', /there is no test in .*roles\/none\n/],
    ['god', /there is no role god in .*roles\n {2}did you mean good\?/],
    ['broken', /roles\/broken\/index\.test\.ts:1:7: /],
  ] as const) {
    const { code, stderr } = await fmc(dir, ['test', role])
    t.equal(code, 1, stderr)
    t.match(stderr, says)
  }
})

void t.test('a package that was packed without npm run build says so', async t => {
  const dir = t.testdir({
    empty: { lib: {} },
    typeless: { dist: { 'index.js': '' } },
    checkout: { lib: { 'index.ts': '' } },
    whole: { dist: { types: { 'index.d.ts': '' } } },
  })
  copyFileSync(join(ROOT, 'lib/bin.js'), join(dir, 'empty/lib/bin.js'))
  writeFileSync(join(dir, 'empty/package.json'), '{"type":"module"}')
  const ran = await run([process.execPath, join(dir, 'empty/lib/bin.js'), 'lint'], { cwd: dir })
  t.equal(ran.code, 1)
  t.equal(
    ran.stderr,
    'fmc: this package was packed without its program (dist/)\n  in the checkout that it comes from: npm ci && npm run build && npm pack\n',
  )
  t.match(
    missingTypes(join(dir, 'typeless')),
    /packed without the types .*npm run build && npm pack/,
  )
  t.match(missingTypes(join(dir, 'checkout')), /cd \S+checkout && npm run build$/)
  t.equal(missingTypes(join(dir, 'whole')), undefined)
})
