// What fmc says of a project's own code: its errors with the project's file and line, its import.meta, whose a role is.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const INVENTORY = 'timezone: UTC\ndomain: own.internal\nnetworks: {}\nhosts: {}\n'

const project = (t: Test, files: Readonly<Record<string, string>>) => {
  const dir = join(t.testdir({}), 'a dir #1 100%')
  for (const [name, text] of Object.entries({ 'inventory.yaml': INVENTORY, ...files })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return {
    dir,
    fmc: (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
      run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], {
        cwd: dir,
        env: { FMC_CACHE: join(dir, '../cache'), ...env },
      }),
  }
}

const role = (body: string, imports = 'role, z'): string =>
  `import { ${imports} } from 'fmc'\n${body}\nexport default role({ name: 'mine', summary: 'of a test', vars: z.object({}), async tasks() {} })\n`

const WRONG: readonly (readonly [
  what: string,
  files: Readonly<Record<string, string>>,
  says: RegExp,
])[] = [
  [
    'an error while it loads',
    {
      'roles/mine/index.ts': role(
        'type T = string\nconst none: T | undefined = undefined\n;(none as never as string).trim()',
      ),
    },
    /fmc: (\S.*)?\/a dir #1 100%\/roles\/mine\/index\.ts:4:28: TypeError: Cannot read properties of undefined/,
  ],
  [
    'an error in a file that it imports',
    {
      'roles/mine/index.ts': role("import './helper.ts'"),
      'roles/mine/helper.ts':
        'interface Long {\n  a: string\n}\nthrow new RangeError("too far")\nexport type { Long }\n',
    },
    /\/a dir #1 100%\/roles\/mine\/helper\.ts:4:7: RangeError: too far/,
  ],
  [
    'an error of zod',
    { 'roles/mine/index.ts': role('\n\nz.string().parse(5)') },
    /\/roles\/mine\/index\.ts:4:12: ZodError: /,
  ],
  [
    'an error of fmc itself',
    {
      'roles/mine/index.ts': role(
        "\nrole({ name: 'No Name', summary: '', vars: z.object({}), async tasks() {} })",
      ),
    },
    /\/roles\/mine\/index\.ts:3:1: "No Name" is not a role name/,
  ],
  [
    'a name that fmc does not export',
    {
      'roles/mine/index.ts':
        "import {\n  role, z,\n  packges,\n} from 'fmc'\nexport default role({ name: 'mine', summary: '', vars: z.object({}), async tasks() { await packges('cron') } })\n",
    },
    /\/roles\/mine\/index\.ts:3:3: fmc has no export named packges\n {2}did you mean packages\?/,
  ],
  [
    'something thrown that is no error',
    { 'roles/mine/index.ts': role("throw 'up'") },
    /\/roles\/mine\/index\.ts: it throws up/,
  ],
]

void t.test('an error in a project’s code names the project’s file and line', async t => {
  for (const [what, files, says] of WRONG)
    await t.test(what, async t => {
      const p = project(t, files)
      for (const env of [{}, {}, { FMC_CACHE: '/dev/null' }]) {
        const { code, stderr } = await p.fmc(['doc', 'mine'], env)
        t.equal(code, 1, stderr)
        t.match(stderr, says)
        t.notMatch(stderr, /compiled|dist\//, 'not the file in the cache')
      }
    })
})

void t.test('import.meta is that of each source', async t => {
  const show = (name: string): string =>
    `export const ${name} = JSON.stringify([import.meta.dirname, import.meta.filename, import.meta.url, new URL('./x', import.meta.url).pathname, 'import.meta.url'])\n`
  const p = project(t, {
    'roles/mine/index.ts': `import { role, z } from 'fmc'\nimport { inner } from './part/inner.ts'\nimport { whole } from './whole.js'\n${show('outer')}export default role({ name: 'mine', summary: [outer, inner, whole].join('|'), vars: z.object({}), async tasks() {} })\n`,
    'roles/mine/part/inner.ts': show('inner'),
    'roles/mine/whole.js': 'const { dirname } = import.meta\nexport const whole = dirname\n',
  })
  const { stdout, stderr } = await p.fmc(['doc', 'mine'])
  t.equal(stderr, '')
  const [outer = '', inner = '', whole] = (stdout.split('\n')[0] ?? '')
    .replace('mine: ', '')
    .split('|')
  const url = (path: string): string =>
    `file://${path.replaceAll('%', '%25').replaceAll(' ', '%20').replaceAll('#', '%23')}`
  const expected = (dir: string, file: string): readonly string[] => [
    dir,
    `${dir}/${file}`,
    url(`${dir}/${file}`),
    url(`${dir}/x`).slice('file://'.length),
    'import.meta.url',
  ]
  t.strictSame(JSON.parse(outer), expected(join(p.dir, 'roles/mine'), 'index.ts'))
  t.strictSame(JSON.parse(inner), expected(join(p.dir, 'roles/mine/part'), 'inner.ts'))
  t.equal(whole, join(p.dir, 'roles/mine'))
})
