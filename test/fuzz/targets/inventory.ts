import { deepStrictEqual, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { UsageError } from '../../../lib/errors.ts'
import { parseExtraVars } from '../../../lib/inventory/extra-vars.ts'
import { lint } from '../../../lib/inventory/lint.ts'
import { loadInventory, readInventory } from '../../../lib/inventory/load.ts'
import { writeParsed } from '../../../lib/parse-cache.ts'
import { SCHEMA } from '../../../lib/inventory/cache.ts'
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

/** For any file: places of errors are in the file, and a file that passes once passes again. */
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
  examples: [
    'b: !!binary aGk=\n',
    'd: !!timestamp 2001-01-01\n',
    's: !!set {a, b}\n',
    'o: !!omap [a: 1]\n',
  ],
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
  {
    weight: 0.05,
    examples: [
      'null',
      '{}',
      '{"data":{}}',
      '{"data":null,"secrets":[]}',
      '{"data":{"hosts":1},"secrets":{}}',
    ],
  },
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
    for (const [name, { value }] of vars ?? []) {
      ok(/^[a-z_][a-z0-9_]*$/.test(name) && name !== '__proto__')
      plain(value)
    }
  },
  { weight: 0.3 },
)

export const inventories: readonly Target[] = [source, inventory, cache, extra]
