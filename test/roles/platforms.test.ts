// What roles do differently on operating systems: one table each, and nothing without a row in it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TaskError, z, type Os, type Role } from '../../lib/index.ts'
import { lint } from '../../lib/inventory/lint.ts'
import {
  platformOf,
  supported,
  type PlatformKey,
  type Platforms,
} from '../../lib/inventory/platform.ts'
import { Hosts, one } from '../engine/hosts.ts'
import { ROOT } from '../rig/lab.ts'

/** Every system that a role may have a row for. */
const SYSTEMS = {
  'debian 12': [{ name: 'debian', family: 'debian', version: '12' }, 'debian 12'],
  'debian 13': [{ name: 'debian', family: 'debian', version: '13.2' }, 'debian 13.2'],
  'ubuntu 24.04': [{ name: 'ubuntu', family: 'debian', version: '24.04' }, 'ubuntu 24.04'],
  'el 9': [{ name: 'rocky', family: 'el', version: '9.5' }, 'rocky 9.5'],
  flatcar: [{ name: 'flatcar', family: 'flatcar', version: undefined }, 'flatcar'],
} as const satisfies Partial<Record<PlatformKey, readonly [os: Os, called: string]>>
const KEYS = Object.keys(SYSTEMS) as (keyof typeof SYSTEMS)[]

const without = (table: Platforms<unknown>, ...gone: string[]): Platforms<unknown> =>
  Object.fromEntries(Object.entries(table).filter(([key]) => !gone.includes(key)))

const sources = (dir: string): readonly string[] =>
  readdirSync(join(ROOT, 'roles', dir)).filter(name => name.endsWith('.ts'))
const DIRS = readdirSync(join(ROOT, 'roles'))
const ROLES = await Promise.all(
  DIRS.filter(dir => sources(dir).includes('index.ts')).map(
    async dir =>
      ((await import(join(ROOT, 'roles', dir, 'index.ts'))) as { default: Role }).default,
  ),
)
const TABLES = ROLES.flatMap(role => (role.platforms ? [{ role, table: role.platforms }] : []))

void t.test('a system whose row is taken out of a role’s table is not supported', t => {
  for (const { role, table } of TABLES) {
    t.strictSame(
      Object.keys(table).filter(key => !Object.hasOwn(SYSTEMS, key)),
      [],
      `${role.name} has a row for each version`,
    )
    for (const key of KEYS) {
      const [os, called] = SYSTEMS[key]
      const host = { name: 'h', os }
      if (key in table) t.equal(platformOf(role.name, table, host), table[key])
      const rest = without(table, key)
      t.throws(
        () => platformOf(role.name, rest, host),
        new TaskError(
          `role ${role.name} is not supported on ${called} (h); supported: ${supported(rest).join(', ')}`,
        ),
      )
    }
    if ('debian 12' in table)
      t.ok('debian 13' in table && 'ubuntu 24.04' in table, `${role.name} has Debian's successors`)
  }
  t.end()
})

void t.test('fmc asks such a host nothing and changes nothing on it', async t => {
  const hosts = new Hosts(t)
  for (const { role, table } of TABLES) {
    const poorer = { ...role, vars: z.object({}), platforms: without(table, 'debian 12') }
    const ran = await hosts.run([one(poorer, { hosts: 'a' })])
    t.match(ran, { code: 2, tasks: [] }, role.name)
    t.match(ran.failures[0], `a: role ${role.name} is not supported on debian 12 (a); supported: `)
  }
})

void t.test('fmc lint and a run say so before any host is connected to', async t => {
  const { role, table } = TABLES.find(({ role: { name } }) => name === 'postgresql')!
  const problems = await lint(join(ROOT, 'inventory.yaml'), {
    text: Buffer.from(
      readFileSync(join(ROOT, 'inventory.yaml'), 'utf8').replace(
        /(\n {2}postgresql1:\n {4}os:) .*/,
        '$1 flatcar',
      ),
    ),
    roles: [{ role: role.name, hosts: ['postgresql1'], vars: z.object({}), platforms: table }],
  })
  t.match(
    problems.filter(p => p.severity === 'error').map(p => p.message),
    [
      'role postgresql is not supported on flatcar (postgresql1); supported: debian 12, debian 13, ubuntu 24.04, almalinux 9, rocky 9',
    ],
  )
})

void t.test('roles distinguish systems only in their platform table', t => {
  for (const dir of DIRS)
    for (const name of sources(dir).filter(n => n !== 'platform.ts')) {
      const text = readFileSync(join(ROOT, 'roles', dir, name), 'utf8')
      t.notMatch(text, /\bos\.family\b/, `roles/${dir}/${name}`)
      if (name === 'index.ts' && /\bawait packages\(/.test(text))
        t.ok(
          TABLES.some(({ role }) => role.name === dir),
          `${dir} installs packages, which have other names on other systems`,
        )
    }
  t.end()
})
