// The work of reading and checking an inventory grows with its size, not with the square of it.
import t from 'tap'
import { z } from 'zod'
import { ungroupedProblems, unusedVarProblems } from '../../lib/inventory/check-usage.ts'
import { checkInventory } from '../../lib/inventory/check.ts'
import { findCycle, groupTree } from '../../lib/inventory/groups.ts'
import type {
  RawGroup,
  RawHost,
  RawInventory,
  RawNetwork,
  RawVip,
} from '../../lib/inventory/raw.ts'
import { resolveInventory } from '../../lib/inventory/resolve.ts'
import { parseSource } from '../../lib/inventory/source.ts'

/** Counts every property that is read and every list of keys that is made, at any depth. */
function counted<T extends object>(data: T): { readonly data: T; readonly reads: () => number } {
  let reads = 0
  const known = new WeakMap<object, object>()
  const wrap = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    const before = known.get(value)
    if (before !== undefined) return before
    const proxy = new Proxy(value, {
      get: (target, key, receiver) => {
        reads++
        return wrap(Reflect.get(target, key, receiver))
      },
      ownKeys: target => {
        const keys = Reflect.ownKeys(target)
        reads += keys.length
        return keys
      },
      getOwnPropertyDescriptor: (target, key) => {
        reads++
        const found = Reflect.getOwnPropertyDescriptor(target, key)
        if (found && 'value' in found) found.value = wrap(found.value)
        return found
      },
    })
    known.set(value, proxy)
    return proxy
  }
  return { data: wrap(data) as T, reads: () => reads }
}

const many = <T>(count: number, of: (index: number) => readonly [string, T]): Record<string, T> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => of(index)))
const address = (i: number): string => `10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`
const big: Record<string, RawNetwork> = {
  big: { cidr: '10.64.0.0/10', mode: 'bridge', gateway: '10.127.255.254' },
}
const inventory = (parts: Partial<RawInventory>): RawInventory => ({
  timezone: 'UTC',
  domain: 'cloud.internal',
  networks: big,
  hosts: {},
  ...parts,
})
const hosts = (count: number, more: (index: number) => Partial<RawHost> = () => ({})) =>
  many<RawHost>(count, i => [
    `h${i}`,
    { os: 'debian 12', nics: [{ network: 'big', address: address(i + 1) }], ...more(i) },
  ])

/** Inventories by their size; each is large in another way. */
const LARGE: Readonly<Record<string, (count: number) => RawInventory>> = {
  'hosts on hypervisors': n =>
    inventory({
      hosts: hosts(n, i =>
        i % 20 === 0
          ? { memory: '512GB', vcpu: 64, root_disk: '1TB' }
          : { vm_on: `h${i - (i % 20)}`, memory: '2GB', vcpu: 2, root_disk: '20GB' },
      ),
    }),
  'VMs of one hypervisor, all too large': n =>
    inventory({
      hosts: hosts(n, i => (i === 0 ? { memory: '1GB' } : { vm_on: 'h0', memory: '2GB' })),
    }),
  'hosts that name unknown hypervisors and networks': n =>
    inventory({
      hosts: hosts(n, i => ({
        vm_on: `x${i}`,
        nics: [{ network: `y${i}`, address: '10.64.0.1' }],
      })),
    }),
  'addresses in no network': n =>
    inventory({
      networks: many<RawNetwork>(n, i => [
        `n${i}`,
        { cidr: `10.${i >> 8}.${i & 255}.0/24`, mode: 'open' },
      ]),
      hosts: hosts(n, i => ({ nics: [{ network: `n${i}`, address: '192.168.0.1' }] })),
    }),
  'networks inside one': n =>
    inventory({
      networks: {
        outer: { cidr: '10.0.0.0/8', mode: 'open' },
        ...many<RawNetwork>(n, i => [
          `n${i}`,
          { cidr: `10.${i >> 8}.${i & 255}.0/24`, mode: 'open' },
        ]),
      },
    }),
  'hosts of one group, each twice': n =>
    inventory({
      hosts: hosts(n),
      groups: { web: { hosts: Array.from({ length: 2 * n }, (_, i) => `h${i % n}`) } },
    }),
  'groups of one host': n =>
    inventory({
      hosts: hosts(n),
      groups: many<RawGroup>(n, i => [`g${i}`, { hosts: [`h${i}`] }]),
    }),
  'a chain of groups': n =>
    inventory({
      hosts: hosts(1),
      groups: many<RawGroup>(n, i => [
        `g${i}`,
        i + 1 < n ? { children: [`g${i + 1}`] } : { hosts: ['h0'] },
      ]),
    }),
  'VIPs of the same balancers': n =>
    inventory({
      networks: { ...big, other: { cidr: '192.168.0.0/24', mode: 'open' } },
      hosts: hosts(n, i =>
        i === 0 ? {} : { nics: [{ network: 'big', address: address(i + 1) }] },
      ),
      vips: many<RawVip>(n, i => [
        `v${i}`,
        {
          ...{ address: address(100_000 + i), network: 'big', vrid: (i % 255) + 1, ports: [80] },
          ...{ backends: 'all', balancers: 'all' },
        },
      ]),
    }),
}

const SMALL = 250
for (const [title, make] of Object.entries(LARGE)) {
  void t.test(`checks: ${title}`, t => {
    const work = (size: number): number => {
      const { data, reads } = counted(make(size))
      checkInventory(data)
      return reads()
    }
    const [few, lots] = [work(SMALL), work(4 * SMALL)]
    t.ok(lots <= 6 * few, `${lots} reads for four times the size of ${few}`)
    t.end()
  })
  void t.test(`resolves: ${title}`, t => {
    const work = (size: number): number => {
      const { data, reads } = counted(make(size))
      groupTree(data)
      findCycle(data.groups ?? {})
      return reads()
    }
    t.ok(work(4 * SMALL) <= 6 * work(SMALL))
    t.end()
  })
}

void t.test('uses of hosts and variables', t => {
  const vars = z.object({ web_port: z.int(), db_port: z.int() })
  const work = (size: number): number => {
    const raw = inventory({
      hosts: hosts(size, i => ({ vars: { web_port: i } })),
      groups: { db: { hosts: ['h0'] } },
    })
    const { data, reads } = counted(raw)
    const usage = {
      roles: [{ role: 'web', vars, hosts: Object.keys(raw.hosts), planned: true }],
      ...{ elsewhere: new Map(), played: new Set<string>(), missingGroups: [] },
      playedGroups: new Set<string>(),
    }
    const resolved = resolveInventory(raw, 'inventory.yaml')
    ungroupedProblems(data, resolved, usage)
    unusedVarProblems(data, resolved, usage)
    return reads()
  }
  t.ok(work(1000) <= 6 * work(250))
  t.end()
})

void t.test('a chain of groups that is longer than the stack is deep', t => {
  const groups = many<RawGroup>(50_000, i => [`g${i}`, { children: [`g${i + 1}`] }])
  t.equal(findCycle(groups), undefined)
  groups['g50000'] = { children: ['g49999'] }
  t.same(findCycle(groups), ['g49999', 'g50000', 'g49999'])
  t.end()
})

void t.test('names in one map: four times as many take no sixteen times as long', t => {
  const cpu = (names: number): number => {
    const text = Array.from({ length: names }, (_, i) => `v${i}: 1\n`).join('')
    const before = process.cpuUsage()
    t.same(parseSource(text, 'inventory.yaml').problems, [])
    const { user } = process.cpuUsage(before)
    return user
  }
  cpu(1000)
  const [few, lots] = [cpu(10_000), cpu(40_000)]
  t.ok(lots < 8 * few, `${lots} µs against ${few} µs`)
  t.end()
})

void t.test('too many values are counted before anything is parsed', t => {
  const text = `a:\n${Array.from({ length: 250_000 }, (_, i) => `  v${i}: 1\n`).join('')}`
  const { data, problems } = parseSource(text, 'inventory.yaml')
  t.equal(data, null)
  t.match(problems, [{ line: 200_001, column: 12, message: /more than 200000 values/ }])
  const list = parseSource(`a: [${'1, '.repeat(500_000)}1]\n`, 'inventory.yaml')
  t.match(list.problems, [{ line: 1, message: /more than 200000 values/ }])
  for (const deep of ['[', '{a: '])
    t.match(parseSource(`a: ${deep.repeat(100_000)}\n`, 'inventory.yaml').problems, [
      { line: 1, message: 'the YAML is nested too deeply' },
    ])
  t.end()
})
