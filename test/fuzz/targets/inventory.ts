import { deepStrictEqual, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { UsageError } from '../../../lib/errors.ts'
import { parseExtraVars } from '../../../lib/inventory/extra-vars.ts'
import { findCycle, groupTree } from '../../../lib/inventory/groups.ts'
import { lint } from '../../../lib/inventory/lint.ts'
import { loadInventory, readInventory } from '../../../lib/inventory/load.ts'
import { formatIpv4, parseCidr, parseIpv4 } from '../../../lib/inventory/net.ts'
import { expandRanges, matchNames } from '../../../lib/inventory/patterns.ts'
import { writeParsed } from '../../../lib/inventory/parsed.ts'
import { SCHEMA } from '../../../lib/inventory/cache.ts'
import type { RawGroup, RawInventory } from '../../../lib/inventory/raw.ts'
import { resolveInventory } from '../../../lib/inventory/resolve.ts'
import { Secret } from '../../../lib/secrets/secret.ts'
import { parseSource } from '../../../lib/inventory/source.ts'
import { target, unlessRefused, unlessRejected, type Target } from '../harness.ts'
import { jsonMutants } from '../json.ts'
import { mutants, nasty } from '../text.ts'
import { SMALL } from '../../inventory/helpers.ts'
import { place } from './place.ts'

const YAML = [
  'networks:\n  lan: { cidr: 192.168.0.0/24, mode: bridge }\nhosts:\n  n1: { os: debian 12 }\n',
  'a: &x {b: 1, c: [1, 2]}\nd: *x\ne: !secret name\nf: |\n  text\n  more\ng: "\\u0041"\n',
  '? a\n: - 1\n  - b: {c: d}\n',
]

/** Whatever is in the file: places are places of the file, and what is fine once is fine twice. */
const places = (text: string): void => {
  const { data, problems } = parseSource(text, 'f.yaml')
  const lines = text.split('\n')
  for (const p of problems) {
    ok(p.line >= 1 && p.line <= lines.length, `line ${p.line} of ${lines.length}`)
    ok(p.column >= 1 && p.message !== '')
  }
  plain(data)
}

/** Text, numbers, lists, maps with names of their own, and secrets: nothing else may come out of a file. */
function plain(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return
  const prototype: unknown = Object.getPrototypeOf(value)
  ok(prototype === Object.prototype || prototype === Array.prototype, 'an object of another kind')
  for (const item of Object.values(value)) plain(item)
}

const source = target('inventory/source', mutants(YAML), places, {
  guided: { seeds: YAML, holds: places },
  weight: 0.3,
})

/** Every shape of data below the right keys: problems, each with a place, or an inventory that can be resolved. */
const asInventory = async (text: string): Promise<void> => {
  const read = () => readInventory('f.yaml', Buffer.from(text))
  const found = await unlessRejected([UsageError], read)
  if (found === undefined) return
  const { raw, problems } = found
  deepStrictEqual((await read()).problems, problems)
  for (const p of problems) ok(p.line >= 1 && p.message !== '', JSON.stringify(p))
  const linted = await lint('f.yaml', { text: Buffer.from(text), roles: [] })
  ok(linted.length >= problems.length)
  if (raw === undefined || problems.some(p => p.severity === 'error')) return
  const inventory = resolveInventory(raw, 'f.yaml')
  deepStrictEqual([...inventory.hosts.keys()], Object.keys(raw.hosts))
  for (const host of inventory.hosts.values()) {
    ok(host.address !== '' && host.ssh.port > 0 && host.ssh.port < 65536)
    plain(host.vars)
  }
}
const TREE = parseSource(SMALL, 'f').data
const inventory = target(
  'inventory/load',
  fc.oneof(jsonMutants([TREE]), mutants([SMALL])),
  asInventory,
  {
    weight: 0.1,
  },
)

/** A cache that holds anything at all is no worse than none. */
const cache = target(
  'inventory/cache',
  jsonMutants([
    { data: TREE, secrets: [] },
    { data: TREE, secrets: [[['all', 'vars'], 'x', 1, 2]] },
  ]),
  async text => {
    process.env['FMC_CACHE'] = place()
    const file = join(place(), 'inventory.yaml')
    writeFileSync(file, SMALL)
    const data = unlessRefused([SyntaxError], () => JSON.parse(text) as unknown)
    writeParsed('inventory', file, Buffer.from(SMALL), SCHEMA, data ?? null)
    const found = await loadInventory(file)
    ok(found.hosts instanceof Map)
  },
  { weight: 0.05 },
)

const SCOPE = {
  groups: new Map([
    ['all', ['n1', 'n2', 'n3', 'web1', 'web2', 'a-b']],
    ['web', ['web1', 'web2']],
    ['db', ['n1']],
    ['none', []],
  ]),
  hosts: new Map(['n1', 'n2', 'n3', 'web1', 'web2', 'a-b'].map(n => [n, {}])),
}
const PATTERNS = [
  'web:&all:!n3',
  'n[1:3]',
  'web[0]',
  'web[-1]',
  'web[0:1]',
  '*',
  'n?',
  'w*b[12]',
  '~n[12]$',
  'all,!db',
]

const aPattern = (pattern: string): void => {
  const names = unlessRefused([UsageError], () => matchNames(SCOPE, pattern))
  for (const name of names ?? []) ok(SCOPE.hosts.has(name), `${name} is no host`)
  // Members are taken away last, wherever the term stands.
  for (const term of pattern.split(/[,:]/))
    if (SCOPE.hosts.has(term.slice(1)) && term.startsWith('!') && !/[[\]]/.test(pattern))
      ok(!names?.has(term.slice(1)), `${term} and yet there`)
}
const patterns = target('inventory/patterns', mutants(PATTERNS), aPattern, {
  guided: { seeds: PATTERNS, holds: aPattern },
})

const ranges = target(
  'inventory/ranges',
  fc.tuple(fc.nat(120), fc.nat(120), fc.integer({ min: 1, max: 9 }), fc.nat(3)),
  ([from, size, step, width]) => {
    const first = String(from).padStart(width + 1, '0')
    const names = expandRanges(`n[${first}:${from + size}:${step}]x`)
    const wanted: string[] = []
    const pad = first.startsWith('0') ? first.length : 0
    for (let n = from; n <= from + size; n += step) wanted.push(`n${String(n).padStart(pad, '0')}x`)
    deepStrictEqual(names, wanted)
  },
  { weight: 0.5 },
)

const extra = target(
  'inventory/extra-vars',
  fc.array(
    fc.oneof(
      mutants(['a=1', 'b_c=[x, y]', 'k={a: b}', '{a: 1, b: [2]}', 'v=!secret x', 'p=a: b']),
      nasty(3),
    ),
    { maxLength: 3 },
  ),
  async options => {
    const inline = options.filter(o => !o.startsWith('@'))
    const vars = await unlessRejected([UsageError], () => parseExtraVars(inline))
    for (const name of Object.keys(vars ?? {}))
      ok(/^[a-z_][a-z0-9_]*$/.test(name) && name !== '__proto__')
    plain(vars)
  },
  { weight: 0.3 },
)

const NAMES = ['a', 'b', 'c', 'd', 'e', 'toString']
const graph = fc.array(
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), fc.constantFrom('h1', 'h2', 'h3')),
  { maxLength: 12 },
)

/** A cycle is found if and only if there is one; else whoever is in a group is in its parents. */
const groups = target('inventory/groups', graph, edges => {
  const all: Record<string, { hosts: string[]; children: string[] }> = {}
  const of = (name: string) =>
    Object.hasOwn(all, name) ? all[name]! : (all[name] = { hosts: [], children: [] })
  for (const [parent, child, host] of edges) {
    of(parent).children.push(child)
    of(child).hosts.push(host)
  }
  const reach = (name: string): Set<string> => {
    const seen = new Set<string>()
    const todo = [...(all[name]?.children ?? [])]
    for (let next = todo.pop(); next !== undefined; next = todo.pop())
      if (!seen.has(next)) {
        seen.add(next)
        todo.push(...(all[next]?.children ?? []))
      }
    return seen
  }
  const cycle = findCycle(all as Record<string, RawGroup>)
  deepStrictEqual(
    cycle !== undefined,
    Object.keys(all).some(name => reach(name).has(name)),
  )
  if (cycle !== undefined) {
    deepStrictEqual(cycle[0], cycle.at(-1))
    cycle.slice(1).forEach((name, i) => ok(all[cycle[i] ?? '']?.children.includes(name)))
    return
  }
  const raw = { groups: all, hosts: { h1: {}, h2: {}, h3: {} } } as unknown as RawInventory
  const { members, groupsOf } = groupTree(raw)
  for (const name of Object.keys(all)) {
    const inside = [name, ...reach(name)].flatMap(n => all[n]?.hosts ?? [])
    deepStrictEqual(new Set(members.get(name)), new Set(inside))
    for (const host of inside) {
      const order = groupsOf.get(host) ?? []
      for (const child of reach(name))
        if (order.includes(child)) ok(order.indexOf(name) < order.indexOf(child), 'child first')
    }
  }
})

const addresses = target(
  'inventory/net',
  fc.oneof(fc.ipV4(), mutants(['10.17.3.0', '255.255.255.255']), nasty(2)),
  text => {
    const value = parseIpv4(text)
    if (value !== undefined) deepStrictEqual(formatIpv4(value), text)
    for (const bits of [0, 8, 24, 31, 32]) {
      const block = parseCidr(`${text}/${bits}`)
      if (typeof block !== 'string')
        deepStrictEqual(
          [formatIpv4(block.base), block.last - block.base + 1],
          [text, 2 ** (32 - bits)],
        )
      else if (value === undefined) deepStrictEqual(block, 'is no IPv4 network')
    }
  },
)

export const inventories: readonly Target[] = [
  ...[source, inventory, cache, patterns, ranges, extra, groups, addresses],
]
