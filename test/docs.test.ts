// The documentation: its commands are accepted by the program, its links and anchors lead somewhere, the tutorial works, and
// the reference pages have everything. The site itself is built by npm run docs.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { Command } from 'commander'
import t from 'tap'
import { splitLine } from '../lib/cli/complete/line.ts'
import { treeOf, type CommandTree } from '../lib/cli/complete/tree.ts'
import { EXIT } from '../lib/errors.ts'
import { headingIds, slug } from '../scripts/site/slug.js'
import { referencePages } from '../scripts/site/reference.ts'
import { ROOT, run } from './rig/lab.ts'

// The bundle has it from package.json.
Object.assign(globalThis, { FMC_VERSION: '9.9.9' })
const { build } = await import('../lib/cli/main.ts')

const PAGES = [
  ...['README.md', 'SECURITY.md', 'playbooks/README.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

void t.test('links with an anchor lead to a heading', t => {
  let found = 0
  for (const page of PAGES)
    for (const [, path = '', hash = ''] of textOf(page).matchAll(/\]\(([^)#:]*\.md)?#([^)]+)\)/g)) {
      const target = path === '' ? page : posix.join(posix.dirname(page), path)
      found++
      t.ok(headingIds(textOf(target)).includes(hash), `${page}: ${path}#${hash}`)
    }
  t.ok(found > 0, 'there are some')
  t.same(headingIds('# A `b` & c\n```sh\n# no\n```\n## A `b` & c\n## [x](y.md) é'), [
    'a-b--c',
    'a-b--c-1',
    'x-é',
  ])
  t.equal(slug('What fmc does not trust'), 'what-fmc-does-not-trust')
  t.end()
})

/** The program accepts the words of this command line. */
async function accepts(words: readonly string[]): Promise<string | undefined> {
  const program = build(() => Promise.resolve())
  const said: string[] = []
  const stub = (command: Command): void => {
    command
      .exitOverride()
      .configureOutput({ writeOut: () => undefined, writeErr: text => said.push(text) })
    if (command.commands.length === 0) command.action(() => undefined)
    command.commands.forEach(stub)
  }
  stub(program)
  try {
    await program.parseAsync([...words], { from: 'user' })
    return undefined
  } catch (error) {
    const { exitCode } = error as { exitCode?: number }
    return exitCode === 0 ? undefined : said.join('') || String(error)
  }
}

void t.test('every command in a block of shell is one that the program accepts', async t => {
  let tried = 0
  for (const page of PAGES)
    for (const [, block = ''] of textOf(page).matchAll(/^```sh\n([^]*?)^```/gm))
      for (const line of block.split('\n'))
        for (const part of line.replace(/(^|\s)#.*/, '').split(/ (?:&&|\|\||[|;]) |<\(|>/)) {
          const command = /^\s*(?:sudo )?(?:\w+=\S* )*(?:npx )?fmc (.*)$/.exec(
            part.trim().replace(/\)$/, ''),
          )?.[1]
          // "…" stands for what the reader knows.
          if (command === undefined || command.includes('…')) continue
          tried++
          const words = splitLine(`fmc ${command.trim()}`).words.slice(1)
          const problem = await accepts(words)
          t.equal(problem, undefined, `${page}: fmc ${command}`)
        }
  t.ok(tried > 40, `${tried} commands`)
})

void t.test('the tutorial works: its files are linted as it says', async t => {
  const text = textOf('docs/tutorial.md')
  const [role = '', book = ''] = [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(m => m[1] ?? '')
  const [all = ''] = [...text.matchAll(/^```yaml\n([^]*?)^```/gm)].map(m => m[1] ?? '')
  const dir = t.testdir({})
  const project = join(dir, 'my-cloud')
  const fmc = (cwd: string, ...args: string[]) =>
    run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], {
      cwd,
      env: { FMC_CACHE: join(dir, 'cache') },
    })
  const made = await fmc(dir, 'init', 'my-cloud', '--from-example', 'small')
  t.equal(made.code, 0, made.stderr)
  t.match((await fmc(project, 'lint')).stdout, 'inventory.yaml: no problems')
  mkdirSync(join(project, 'roles/banner'))
  writeFileSync(join(project, 'roles/banner/index.ts'), role)
  writeFileSync(join(project, 'playbooks/site.ts'), book)
  const without = await fmc(project, 'lint')
  t.equal(without.code, 1)
  t.match(without.stdout, /inventory\.yaml:\d+:\d+: error: .*banner_owner/)
  const inventory = join(project, 'inventory.yaml')
  const before = readFileSync(inventory, 'utf8')
  const write = (all: string): void => {
    const after = before.replace(/^all:\n(?: .*\n)+/m, all)
    t.not(after, before)
    writeFileSync(inventory, after)
  }
  write(all.replace('banner_owner', 'banner_ower'))
  t.match((await fmc(project, 'lint')).stdout, 'banner_owner', 'lint names the nearest variable')
  write(all)
  const done = await fmc(project, 'lint')
  t.match(done.stdout, 'inventory.yaml: no problems', done.stderr)
})

void t.test('the reference has every command, role, resource, event and exit code', async t => {
  const pages = new Map((await referencePages()).map(({ name, text }) => [name, text]))
  const has = (page: string, heading: string): void =>
    void t.match(pages.get(page) ?? '', `\n${heading}\n`, `${page}: ${heading}`)
  const leaves = (tree: CommandTree, path: string): string[] =>
    tree.commands.length === 0
      ? [path]
      : tree.commands.flatMap(one => leaves(one, `${path} ${one.name}`))
  for (const path of leaves(treeOf(build(() => Promise.resolve())), 'fmc'))
    has('commands', `## ${path}`)
  for (const name of readdirSync(join(ROOT, 'roles')))
    if (existsSync(join(ROOT, 'roles', name, 'index.ts'))) has('variables', `## ${name}`)
  for (const name of [
    'file',
    'service',
    'probe',
    'gate',
    'guarded',
    '$',
    'role',
    'play',
    'Host',
    'Secret',
  ])
    has('resources', `### ${name}`)
  const empty = (pages.get('resources') ?? '').match(/^### .*\n\n+(?=###|##|$(?![^]))/gm)
  t.equal(empty, null, 'each with its comment')
  for (const event of ['version', 'task', 'host, new', 'host, failed, unreachable', 'recap'])
    has('events', `## ${event}`)
  for (const code of Object.values(EXIT)) t.match(pages.get('exit-codes') ?? '', `\n| ${code} | `)
  t.match(pages.get('inventory') ?? '', '| `hosts.NAME.os` |')
  t.match(pages.get('inventory') ?? '', '| `hooks.on_failure[].url` |')
  for (const [name, text] of pages) {
    t.equal(text.match(/^# /gm)?.length, 1, `${name} has one title`)
    t.notMatch(text, /\| undefined \||\[object/, name)
  }
})
