// The documents tell the truth: the example role is written out, documented by fmc and linted with an inventory that
// uses it; options and paths that they name exist; links lead somewhere.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import t from 'tap'
import { ROOT, run } from './rig/lab.ts'

// The bundle has it from package.json.
Object.assign(globalThis, { FMC_VERSION: '9.9.9' })
const { build } = await import('../lib/cli/main.ts')

const fmc = (cwd: string, ...args: string[]) =>
  run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], { cwd })

void t.test('the example role of docs/write-a-role.md compiles and is documented', async t => {
  const source =
    /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/write-a-role.md'), 'utf8'))?.[1] ?? ''
  const dir = t.testdir({
    'inventory.yaml':
      'timezone: UTC\ndomain: example.internal\nnetworks:\n  lan: {cidr: 192.168.7.0/24, mode: bridge}\nhosts:\n  one: {os: debian 12, nics: [{network: lan, address: 192.168.7.2}], vars: {motd_text: 5}}\n',
  })
  for (const folder of ['roles/motd', 'playbooks'])
    mkdirSync(join(dir, folder), { recursive: true })
  writeFileSync(join(dir, 'roles/motd/index.ts'), source)
  writeFileSync(
    join(dir, 'playbooks/site.ts'),
    "import { play, playbook } from 'fmc'\nimport motd from '../roles/motd/index.ts'\nexport default playbook('site', [play('Welcome', { hosts: 'all', roles: [motd] })])\n",
  )
  const doc = await fmc(dir, 'doc', 'motd')
  t.equal(doc.code, 0, doc.stderr)
  t.match(doc.stdout, /motd_text {2}\(string, required\)\n\s+What people see when they log in/)
  const lint = await fmc(dir, 'lint')
  t.equal(lint.code, 1)
  t.match(lint.stdout, /inventory\.yaml:6:\d+: error: .*motd_text/)
})

const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

void t.test('every option that a page names is in --help', t => {
  const helpOf = (command: Command): string =>
    [command.helpInformation(), ...command.commands.map(helpOf)].join('\n')
  const help = helpOf(build(() => Promise.resolve()))
  for (const page of PAGES.filter(p => p !== 'docs/contributing.md'))
    for (const [, option = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(
      /`(--[a-z-]+)[ `]/g,
    ))
      t.ok(help.includes(option), `${page}: ${option}`)
  t.end()
})

void t.test('links between pages lead to files that exist', t => {
  for (const page of PAGES)
    for (const [, link = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#]+)\)/g))
      if (!link.includes('://'))
        t.ok(existsSync(join(ROOT, dirname(page), link)), `${page}: ${link}`)
  t.end()
})

void t.test('docs/architecture.md names every folder of lib/, and only paths that exist', t => {
  const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  for (const [, path = ''] of text.matchAll(
    /`((?:lib|roles|test|files|playbooks|docs)\/[\w./-]*)`/g,
  ))
    if (!path.includes('NAME')) t.ok(existsSync(join(ROOT, path)), path)
  for (const entry of readdirSync(join(ROOT, 'lib'), { withFileTypes: true }))
    if (entry.isDirectory()) t.match(text, `\`lib/${entry.name}/\``, entry.name)
  t.end()
})
