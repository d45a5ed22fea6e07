import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { UsageError } from '../../../lib/errors.ts'
import { findCycle, groupTree } from '../../../lib/inventory/groups.ts'
import { formatIpv4, parseCidr, parseIpv4 } from '../../../lib/inventory/net.ts'
import { expandRanges, matchNames } from '../../../lib/inventory/patterns.ts'
import type { RawInventory } from '../../../lib/inventory/raw.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { mutants, nasty } from '../text.ts'

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
  // A regular expression may take a second, and a pattern may have some.
  budgetMs: 5000,
  guided: { seeds: PATTERNS, holds: aPattern, budgetMs: 5000 },
  examples: [`~${'=?'.repeat(200)}[12]$\n~${'=?'.repeat(200)}[12]$`],
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

const NAMES = ['a', 'b', 'c', 'd', 'e', 'toString']
const graph = fc.array(
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), fc.constantFrom('h1', 'h2', 'h3')),
  { maxLength: 12 },
)

/** A cycle is found if and only if there is one. Otherwise the members of a group are in its parents, too. */
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
  const cycle = findCycle(all)
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
      else if (value === undefined) deepStrictEqual(block, 'is not an IPv4 network')
    }
  },
)

export const patternsAndGroups: readonly Target[] = [patterns, ranges, groups, addresses]
