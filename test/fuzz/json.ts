import fc from 'fast-check'
import { changes, mutated } from './text.ts'

/** Values of every type, where a parser expects another one. */
const ODD: readonly string[] = [
  ...['null', 'true', 'false', '0', '-1', '1.5', '1e308', '9007199254740993', '""', '"x"'],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"__proto__"',
    '"1e999"',
    '"True"',
    '"\\u202e\\u001b[2J"',
    '[]',
    '{}',
  ],
  ...['[null]', '[[]]', '[{}]', '{"a":null}', '["x",1]', '{"__proto__":{"polluted":true}}'],
  '{"constructor":{"prototype":{"polluted":true}},"toString":"x","length":-1}',
]
const KEYS = ['__proto__', 'constructor', 'toString', '', 'items', 'name', '\0', '\ud800']

type Slot = readonly [owner: Record<string, unknown>, key: string]

/** Every place in a tree that holds a value. */
function slots(value: unknown, found: Slot[] = []): Slot[] {
  if (typeof value !== 'object' || value === null) return found
  for (const key of Object.keys(value)) {
    const owner = value as Record<string, unknown>
    found.push([owner, key])
    slots(owner[key], found)
  }
  return found
}

const put = (owner: object, key: string, value: unknown): void => {
  Object.defineProperty(owner, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/** Changes one place of a tree: another value, gone, another name, twice, or wrapped. */
export function disturb(tree: { root: unknown }, seed: number): void {
  const all = slots(tree)
  const [owner, key]: Slot = all[seed % all.length] ?? [{}, '']
  let rest = Math.floor(seed / all.length)
  const roll = (sides: number): number => {
    const value = rest % sides
    rest = Math.floor(rest / sides)
    return value
  }
  const kind = roll(6)
  if (kind <= 1) put(owner, key, JSON.parse(ODD[roll(ODD.length)] ?? 'null'))
  else if (kind === 2) {
    if (Array.isArray(owner)) owner.splice(Number(key), 1)
    else Reflect.deleteProperty(owner, key)
  } else if (kind === 3) put(owner, KEYS[roll(KEYS.length)] ?? '', owner[key])
  else if (kind === 4) put(owner, key, [owner[key], owner[key]])
  else put(owner, key, { [KEYS[2 + roll(KEYS.length - 2)] ?? '']: owner[key] })
}

/** JSON like the samples': up to three places changed, and sometimes the text too. */
export function jsonMutants(samples: readonly unknown[]): fc.Arbitrary<string> {
  const texts = samples.map(s => JSON.stringify(s))
  return fc
    .tuple(fc.nat(samples.length - 1), changes(3), changes(1), fc.nat(3))
    .map(([at, places, text, rarely]) => {
      const tree = { root: JSON.parse(texts[at] ?? 'null') as unknown }
      for (const seed of places) disturb(tree, seed)
      const json = JSON.stringify([tree.root]).slice(1, -1)
      return rarely === 0 ? text.reduce((t, seed) => mutated(t, seed, texts), json) : json
    })
}

/** Throws for a value that no parser may give: NaN or an infinite number, or an object with a prototype from outside. */
export function sound(value: unknown, at = 'value'): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Error(`${at} is ${String(value)}`)
  if (typeof value !== 'object' || value === null) return
  if (Buffer.isBuffer(value)) return
  if (value instanceof Map) {
    for (const [key, item] of value) sound(item, `${at}(${String(key)})`)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null)
    throw new Error(`${at} has a prototype of its own: ${Object.keys(prototype as object).join()}`)
  for (const key of Object.keys(value))
    sound((value as Record<string, unknown>)[key], `${at}.${key}`)
}
