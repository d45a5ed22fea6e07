import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')

/** What each part of lib may import. A part is a folder, or a file of lib itself. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  trust: ['errors', 'shell'],
  'cache-dir': ['trust'],
  'whole-file': [],
  'import-module': [],
  start: ['cache-dir'],
  text: [],
  'parse-cache': ['cache-dir'],
  shell: [],
  ssh: ['errors', 'shell', 'secrets/secret', 'secrets/redact'],
  secrets: ['errors', 'shell', 'cache-dir', 'text'],
  inventory: ['errors', 'trust', 'text', 'parse-cache', 'secrets'],
  plan: ['errors', 'trust', 'text', 'secrets', 'whole-file'],
  import: ['errors', 'trust', 'text', 'shell/quote', 'inventory'],
  artifacts: ['errors', 'cache-dir', 'text', 'parse-cache', 'inventory'],
  firewall: ['errors', 'text', 'inventory'],
  graph: ['errors', 'text', 'inventory', 'firewall', 'report'],
  facts: ['errors', 'shell', 'ssh'],
  report: ['engine/events', 'text'],
  notify: ['errors', 'engine/events', 'inventory', 'text'],
  record: ['errors', 'cache-dir', 'trust', 'secrets', 'engine/events', 'report', 'text'],
  resources: [
    'errors',
    'trust',
    'shell',
    'ssh/ask',
    'ssh/host-key',
    'ssh/known-hosts',
    'facts',
    'inventory',
    'secrets',
    'artifacts',
    'text',
  ],
  engine: [
    'errors',
    'cache-dir',
    'text',
    'shell',
    'ssh',
    'facts',
    'resources',
    'inventory',
    'secrets',
  ],
  lab: ['errors', 'cache-dir', 'inventory', 'artifacts'],
  testing: ['errors', 'engine/events', 'inventory', 'lab'],
  cli: [
    'artifacts',
    'errors',
    'trust',
    'cache-dir',
    'whole-file',
    'import-module',
    'text',
    'shell',
    'ssh',
    'facts',
    'engine',
    'resources',
    'inventory',
    'secrets',
    'artifacts',
    'firewall',
    'graph',
    'report',
    'record',
    'notify',
    'plan',
    'text',
    'lab/index',
    'import',
  ],
  index: ['errors', 'shell', 'facts', 'resources', 'engine', 'inventory', 'secrets', 'firewall'],
}

/** Packages that only one place may know. */
const ONLY: Readonly<Record<string, RegExp>> = {
  listr2: /^lib\/report\/listr\.ts$/,
  'node-ssh': /^lib\/ssh\/connection\.ts$/,
  ssh2: /^lib\/ssh\/(connection|logins|ssh2-link)\.ts$/,
  'zx/core': /^lib\/shell\//,
  zx: /^lib\/shell\//,
  commander: /^lib\/cli\//,
  tap: /^$/,
  'typescript-eslint': /^lib\/eslint-preset\.ts$/,
}

const files = (dir: string): string[] =>
  readdirSync(join(root, dir), { withFileTypes: true }).flatMap(e =>
    e.isDirectory() ? files(join(dir, e.name)) : e.name.endsWith('.ts') ? [join(dir, e.name)] : [],
  )

/** Everything a file imports, statically, lazily or as a type. */
const importsOf = (file: string): string[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /^(?:import|export)\b[^'`]*?from\s'([^']+)'|\bimport\('([^']+)'\)/gm,
    ),
  ].map(m => m[1] ?? m[2] ?? '')

const part = (path: string): string =>
  path
    .replace(/^lib\//, '')
    .replace(/\.ts$/, '')
    .split('/')[0] ?? ''

void t.test('lib: imports go one way', t => {
  for (const file of files('lib'))
    for (const target of importsOf(file).filter(i => i.startsWith('.'))) {
      const to = relative(root, join(root, dirname(file), target)).replace(/\.ts$/, '')
      const from = part(file)
      if (!to.startsWith('lib/') || part(to) === from) continue
      const allowed = MAY[from]?.some(a => a === part(to) || `lib/${a}` === to) ?? false
      if (!allowed) t.fail(`${file} imports ${to}`)
    }
  t.pass('all looked at')
  t.end()
})

void t.test('a package that one place hides is imported nowhere else', t => {
  for (const file of files('lib'))
    for (const name of importsOf(file)) {
      const where = ONLY[name]
      if (where && !where.test(file)) t.fail(`${file} imports ${name}`)
    }
  t.pass('all looked at')
  t.end()
})

void t.test('roles and playbooks import only lib/index.ts, each other and what Node has', t => {
  for (const file of [...files('roles'), ...files('playbooks')])
    for (const target of importsOf(file)) {
      const to = target.startsWith('.') ? relative(root, join(root, dirname(file), target)) : target
      if (to !== 'lib/index.ts' && !to.startsWith('roles/') && !to.startsWith('node:'))
        t.fail(`${file} imports ${to}`)
    }
  t.pass('all looked at')
  t.end()
})

void t.test('a role takes nothing from the files of another role but its index.ts', t => {
  const roleOf = (path: string): string => /^roles\/([^/]+)\//.exec(path)?.[1] ?? ''
  for (const file of files('roles'))
    for (const target of importsOf(file).filter(i => i.startsWith('.'))) {
      const to = relative(root, join(root, dirname(file), target))
      const other = roleOf(to)
      if (other === '' || other === roleOf(file)) continue
      if (roleOf(file) === 'shared' && other !== 'shared')
        t.fail(`${file} imports ${to}: what is shared knows no role`)
      if (other !== 'shared' && to !== `roles/${other}/index.ts`) t.fail(`${file} imports ${to}`)
    }
  t.notOk(existsSync(join(root, 'roles/shared/index.ts')), 'roles/shared is no role')
  t.end()
})

void t.test('no module imports itself in a circle', t => {
  const edges = new Map(
    [...files('lib'), ...files('roles')].map(file => [
      file,
      // Types vanish and lazy imports come later: neither makes a circle at load time.
      [
        ...readFileSync(join(root, file), 'utf8').matchAll(
          /^(?:import|export)\s(?!type)[^;]*?from\s'(\.[^']+)'/gms,
        ),
      ].map(m => relative(root, join(root, dirname(file), m[1] ?? ''))),
    ]),
  )
  const done = new Set<string>()
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) t.fail([...path.slice(path.indexOf(file)), file].join(' → '))
    else if (!done.has(file)) {
      for (const next of edges.get(file) ?? []) walk(next, [...path, file])
      done.add(file)
    }
  }
  for (const file of edges.keys()) walk(file, [])
  t.pass('all looked at')
  t.end()
})
