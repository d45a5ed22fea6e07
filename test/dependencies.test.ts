import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')

interface Locked {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly engines?: { readonly node?: string }
}

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, Locked>>
}
const installed = Object.entries(packages).filter(([path]) => path !== '')
const nameOf = (path: string): string => path.split('node_modules/').at(-1) ?? ''
/** One of them is the compiler of esbuild; which one depends on the machine. */
const isPlatform = (name: string): boolean => name.startsWith('@esbuild/')

const listed = new Map(
  [
    ...readFileSync(join(root, 'docs/dependencies.md'), 'utf8').matchAll(
      /^\| `([^`]+)` *\|[^|]*(?:\|\|[^|]*)*\| (yes|no) +\| *(\S.*?) *\|$/gm,
    ),
  ].map(([, name = '', script]) => [name, script === 'yes'] as const),
)

void t.test('every package of an installation is reviewed: docs/dependencies.md', t => {
  const found = new Map<string, boolean>()
  for (const [path, { dev, devOptional, optional, hasInstallScript }] of installed) {
    const name = nameOf(path)
    if (dev || devOptional || (optional && isPlatform(name))) continue
    found.set(name, (found.get(name) ?? false) || hasInstallScript === true)
  }
  t.strictSame(
    [...found].sort(([a], [b]) => (a < b ? -1 : 1)),
    [...listed].sort(([a], [b]) => (a < b ? -1 : 1)),
  )
  t.ok(listed.size > 40, 'the table was read')
  t.end()
})

void t.test('no package is allowed to run a script when it is installed', t => {
  const { allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    allowScripts: Record<string, boolean>
  }
  const scripts = installed.filter(([, p]) => p.hasInstallScript).map(([path]) => nameOf(path))
  t.strictSame(allowScripts, Object.fromEntries(scripts.map(name => [name, false])))
  t.strictSame(
    installed
      .map(([path]) => nameOf(path))
      .filter(n => ['cpu-features', 'nan', 'buildcheck'].includes(n)),
    [],
  )
  t.end()
})

void t.test('every package has its checksum and comes from the registry', t => {
  for (const [path, { integrity, resolved, link }] of installed) {
    t.match(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/, path)
    t.notOk(link, path)
    if (resolved !== undefined) t.match(resolved, /^https:\/\/registry\.npmjs\.org\//, path)
  }
  t.end()
})

/** Whether a range of `engines` lets Node 20 in: one of its alternatives begins at 20 or below and does not end there. */
const acceptsNode20 = (range: string): boolean =>
  range
    .split('||')
    .some(
      one => /^\s*(\*|>=? *v?(1?\d|20)\b|[~^]? *(20)\b)/.test(one) && !/<=? *(1?\d|20)\b/.test(one),
    )

void t.test('every package runs on Node 20: npm ci has nothing to warn of', t => {
  for (const [range, accepts] of [
    ['>=20', true],
    ['18 || 20 || >=22', true],
    ['^18.19.0 || ^20.17.0', true],
    ['>= 0.4', true],
    ['*', true],
    ['>=22', false],
    ['^18 || >=22', false],
    ['>=8 <20', false],
  ] as const)
    t.equal(acceptsNode20(range), accepts, range)
  for (const [path, { engines }] of installed)
    if (engines?.node !== undefined) t.ok(acceptsNode20(engines.node), `${path}: ${engines.node}`)
  t.end()
})

for (const [what, dir, least] of [
  ['the generator of the documentation site', 'scripts/site', 50],
  ["Strimzi's schemas for a test", 'test/roles/strimzi', 20],
] as const)
  void t.test(`${what}: no install script, every package with its checksum`, t => {
    const lock = JSON.parse(readFileSync(join(root, dir, 'package-lock.json'), 'utf8')) as {
      packages: Readonly<Record<string, Locked>>
    }
    const all = Object.entries(lock.packages).filter(([path]) => path !== '')
    t.ok(all.length > least, 'the lock was read')
    for (const [path, { integrity, hasInstallScript }] of all) {
      t.notOk(hasInstallScript, path)
      t.match(integrity, /^sha512-/, path)
    }
    t.end()
  })
