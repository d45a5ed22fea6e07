// The package as a user gets it: packed, installed into an empty directory, and a project made, checked, tested and rehearsed with it.
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from './rig/lab.ts'

t.setTimeout(900_000)

/** A copy of the checkout, so that packing does not replace the bundle under other tests. */
const copy = (to: string): string => {
  const parts = ['lib', 'roles', 'playbooks', 'files', 'docs', 'scripts', 'package.json']
  parts.push('tsconfig.json', 'inventory.yaml', 'README.md', 'LICENSE', 'SECURITY.md')
  for (const part of parts) cpSync(join(ROOT, part), join(to, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'))
  return to
}

void t.test('packed, installed, and used in a project of its own', async t => {
  const dir = t.testdir({ copy: {}, tool: {} })
  const pack = ['npm', 'pack', '--silent', '--pack-destination', dir]
  const packed = await run(pack, { cwd: copy(join(dir, 'copy')) })
  t.equal(packed.code, 0, packed.stderr)
  const tarball = join(dir, packed.stdout.trim().split('\n').at(-1) ?? '')

  const install = [
    'npm',
    'install',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  ]
  const tool = join(dir, 'tool')
  writeFileSync(join(tool, 'package.json'), '{}')
  const installed = await run([...install, tarball], { cwd: tool })
  t.equal(installed.code, 0, installed.stderr)
  const root = join(tool, 'node_modules/fmc')
  t.strictSame(readdirSync(root).sort(), [
    ...['LICENSE', 'README.md', 'SECURITY.md', 'dist', 'docs', 'files', 'inventory.yaml', 'lib'],
    ...['package.json', 'playbooks', 'roles'],
  ])
  t.strictSame(
    readdirSync(join(root, 'dist')).filter(name => name.endsWith('.code')),
    [],
    'no code cache of the machine that packed it',
  )
  t.strictSame(readdirSync(join(root, 'lib')), ['bin.js'], 'no sources, so nothing is built')

  const bin = join(tool, 'node_modules/.bin/fmc')
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string
  }
  t.equal((await run([bin, '--version'], { cwd: dir })).stdout, `${version}\n`)
  const made = await run([bin, 'init', 'my-cloud'], { cwd: dir })
  t.equal(made.code, 0, made.stderr)
  t.notMatch(made.stdout, /checkout/)
  const project = join(dir, 'my-cloud')
  const { dependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  t.strictSame(dependencies, { fmc: `file:${tarball}` }, 'the fmc that made it')
  // The development tools are this checkout's, so that nothing else has to be downloaded.
  const omit = await run([...install, '--omit=dev'], { cwd: project })
  t.equal(omit.code, 0, omit.stderr)
  for (const name of ['typescript', '@typescript', 'eslint', 'typescript-eslint', '@types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name))

  const fmc = (...args: string[]) =>
    run([join(project, 'node_modules/.bin/fmc'), ...args], { cwd: project })
  const lint = await fmc('lint')
  t.equal(lint.code, 0, lint.stdout + lint.stderr)
  t.match((await fmc('list')).stdout, /^ {2}motd +this project$/m)
  for (const role of ['motd', 'postgresql', 'wireguard'])
    t.match((await fmc('doc', role)).stdout, new RegExp(`^${role}: `), role)
  t.match((await fmc('doc')).stdout, /^motd .* \(this project\)$/m)

  await t.test('declared types compile under strict, without skipLibCheck', async t => {
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    const own = await run([tsc], { cwd: project })
    t.equal(own.stdout, '')
    t.equal(own.code, 0)
    const text = JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2023',
        skipLibCheck: false,
        types: [],
      },
      files: ['plain.ts'],
    })
    writeFileSync(join(project, 'plain.json'), text)
    writeFileSync(
      join(project, 'plain.ts'),
      "import { file, probe, role, z, type Host } from 'fmc'\nimport { proveRole } from 'fmc/testing'\nexport const names = (hosts: readonly Host[]): string[] => hosts.map(h => h.name)\nexport default role({ name: 'plain', summary: '', vars: z.object({ n: z.int() }), async tasks({ vars }) {\n  await file('/etc/n', { content: vars.n.toFixed() })\n  const { ok }: { ok: boolean } = await probe`true`\n  if (!ok) throw new Error()\n} })\nexport const proof = () => proveRole({ role: 'plain' })\n",
    )
    const plain = await run([tsc, '-p', 'plain.json'], { cwd: project })
    t.equal(plain.stdout, '')
    writeFileSync(
      join(project, 'plain.ts'),
      "import { file } from 'fmc'\nvoid file('/etc/n', { content: 5 })\n",
    )
    const wrong = await run([tsc, '-p', 'plain.json'], { cwd: project })
    t.match(wrong.stdout, /plain\.ts\(2,25\): error TS2769|plain\.ts\(2,2\d\): error TS\d+/)
  })

  await t.test('the preset finds a resource that is not awaited', async t => {
    const eslint = [process.execPath, join(ROOT, 'node_modules/eslint/bin/eslint.js'), '.']
    mkdirSync(join(project, 'test'))
    writeFileSync(
      join(project, 'test/pure.test.ts'),
      "import { test } from 'node:test'\ntest('nothing', () => {})\n",
    )
    const clean = await run(eslint, { cwd: project })
    t.equal(clean.code, 0, clean.stdout + clean.stderr)
    mkdirSync(join(project, 'roles/bad'))
    writeFileSync(
      join(project, 'roles/bad/index.ts'),
      "import { execSync } from 'node:child_process'\nimport { file, probe, role, z } from 'fmc'\nexport default role({ name: 'bad', summary: '', vars: z.object({}), async tasks() {\n  file('/etc/bad', { content: execSync('date').toString() })\n  if (probe`true`) await file('/etc/worse', { content: '' })\n} })\n",
    )
    const bad = await run(eslint, { cwd: project })
    t.equal(bad.code, 1)
    for (const rule of ['no-floating-promises', 'no-misused-promises', 'no-restricted-imports'])
      t.match(bad.stdout, rule)
  })

  const root0 = process.getuid?.() === 0
  await t.test(
    'its test plays the role in the lab',
    { skip: root0 ? false : 'needs root' },
    async t => {
      const lines = readFileSync(join(project, 'inventory.yaml'), 'utf8').split('\n')
      writeFileSync(
        join(project, 'inventory.yaml'),
        lines.filter(l => !l.startsWith('  web2')).join('\n'),
      )
      const file = join(project, 'roles/motd/index.test.ts')
      writeFileSync(file, readFileSync(file, 'utf8').replace('web1,web2', 'web1'))
      const tested = await fmc('test', 'motd')
      t.equal(tested.code, 0, tested.stdout + tested.stderr)
      t.match(tested.stdout, /^✔ motd in the lab/m)
      t.match(tested.stdout, /^ℹ skipped 0$/m)
    },
  )
})
