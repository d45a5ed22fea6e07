import t from 'tap'
import { findCycle, groupTree } from '../../lib/inventory/groups.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import type { RawGroup, RawInventory } from '../../lib/inventory/raw.ts'
import { fileWith, small } from './helpers.ts'

const raw = (groups: Readonly<Record<string, RawGroup>>, ...hosts: string[]): RawInventory => ({
  timezone: 'UTC',
  domain: 'a.b',
  networks: {},
  hosts: Object.fromEntries(hosts.map(name => [name, { os: 'debian' }])),
  groups,
})

void t.test('members come in the order of the inventory, through children too', t => {
  const { members, groupsOf } = groupTree(
    raw(
      {
        leaf: { hosts: ['c', 'a'] },
        top: { children: ['middle'], hosts: ['b'] },
        middle: { children: ['leaf'] },
      },
      'a',
      'b',
      'c',
    ),
  )
  t.same(
    [...members],
    [
      ['all', ['a', 'b', 'c']],
      ['leaf', ['a', 'c']],
      ['top', ['a', 'b', 'c']],
      ['middle', ['a', 'c']],
    ],
  )
  t.same(groupsOf.get('a'), ['all', 'top', 'middle', 'leaf'], 'the nearest last')
  t.same(groupsOf.get('b'), ['all', 'top'])
  t.end()
})

void t.test('a diamond: a group is deeper than every parent', t => {
  const { groupsOf } = groupTree(
    raw(
      {
        bottom: { hosts: ['a'] },
        left: { children: ['bottom'] },
        right: { children: ['far'] },
        far: { children: ['bottom'] },
      },
      'a',
    ),
  )
  t.same(groupsOf.get('a'), ['all', 'left', 'right', 'far', 'bottom'])
  t.end()
})

const CYCLES: readonly [Readonly<Record<string, RawGroup>>, readonly string[] | undefined][] = [
  [{}, undefined],
  [{ a: { children: ['b'] }, b: { children: ['c'] }, c: {} }, undefined],
  [{ a: { children: ['a'] } }, ['a', 'a']],
  [{ x: { children: ['a'] }, a: { children: ['b'] }, b: { children: ['a'] } }, ['a', 'b', 'a']],
  [{ a: { children: ['b', 'c'] }, b: { children: ['c'] }, c: {} }, undefined],
]
for (const [groups, wanted] of CYCLES)
  t.same(findCycle(groups), wanted, `cycle of ${JSON.stringify(groups)}`)

// The five lines of precedence: each row adds a layer that wins over those before it.
const LAYERS: readonly (readonly [what: string, from: string, to: string])[] = [
  ['all', 'all: {}', 'all: { vars: { x: all, only_all: 1 } }'],
  ['parent group', '  lb: {', '  top: { children: [lb, db], vars: { x: parent } }\n  lb: {'],
  ['child group', 'hosts: [lb1, lb2] }', 'hosts: [lb1, lb2], vars: { x: child } }'],
  [
    'later group that is less deep',
    '  db: {',
    '  also: { hosts: [lb1], vars: { x: later } }\n  db: {',
  ],
  ['host', '  lb1: {', '  lb1: { vars: { x: host },'],
]
void t.test('precedence', async t => {
  const expected = ['all', 'parent', 'child', 'child', 'host']
  for (const [index, [what]] of LAYERS.entries()) {
    const text = small(...LAYERS.slice(0, index + 1).map(([, from, to]) => [from, to] as const))
    const inventory = await loadInventory(fileWith(t, text))
    t.equal(inventory.hosts.get('lb1')?.vars['x'], expected[index], what)
    t.equal(inventory.hosts.get('lb1')?.vars['only_all'], 1)
  }
  const text = small(...LAYERS.map(([, from, to]) => [from, to] as const))
  const inventory = await loadInventory(fileWith(t, text), { extraVars: { x: 'extra' } })
  for (const host of inventory.hosts.values())
    t.equal(host.vars['x'], 'extra', '-e wins everywhere')
})

void t.test('of groups with equal depth the later one in the file wins', async t => {
  const groups = ['one', 'two'].map(
    name => `  ${name}: { hosts: [hv], vars: { x: ${name}, ${name}: true } }\n`,
  )
  for (const order of [groups, groups.toReversed()]) {
    const inventory = await loadInventory(
      fileWith(t, small(['groups:\n', `groups:\n${order.join('')}`])),
    )
    const vars = inventory.hosts.get('hv')?.vars
    t.same(vars, { one: true, two: true, x: order === groups ? 'two' : 'one' })
  }
})

void t.test('maps and lists are replaced, not merged', async t => {
  const inventory = await loadInventory(
    fileWith(
      t,
      small(
        ['all: {}', 'all: { vars: { m: { a: 1, b: 2 }, l: [1, 2] } }'],
        ['  hv: {', '  hv: { vars: { m: { b: 3 }, l: [] },'],
      ),
    ),
  )
  t.same(inventory.hosts.get('hv')?.vars, { m: { b: 3 }, l: [] })
  t.same(inventory.hosts.get('db1')?.vars, { m: { a: 1, b: 2 }, l: [1, 2] })
})

void t.test('ssh settings are inherited one by one', async t => {
  const inventory = await loadInventory(
    fileWith(
      t,
      small(
        ['all: {}', 'all: { ssh: { user: admin, port: 2222 } }'],
        ['hosts: [lb1, lb2] }', 'hosts: [lb1, lb2], ssh: { user: root } }'],
        [
          '  lb2: {',
          '  lb2: { ssh: { host: 127.0.0.1, port: 22, sudo: true, identity_file: ~/k },',
        ],
      ),
    ),
  )
  const { hosts } = inventory
  const common = { identityFile: undefined, transport: 'auto' }
  t.same(hosts.get('hv')?.ssh, { ...common, user: 'admin', port: 2222, sudo: true })
  t.same(hosts.get('lb1')?.ssh, { ...common, user: 'root', port: 2222, sudo: false })
  t.same(hosts.get('lb2')?.ssh, {
    ...common,
    user: 'root',
    port: 22,
    sudo: true,
    identityFile: '~/k',
  })
  t.equal(hosts.get('lb2')?.address, '127.0.0.1')
  t.equal(hosts.get('lb1')?.address, '192.168.0.30')
})
