import { UsageError } from '../errors.ts'
import { suggestion } from './nearest.ts'
import type { Host, Inventory } from './types.ts'

/** What patterns are matched against. */
export type PatternScope = Pick<Inventory, 'groups'> & {
  readonly hosts: ReadonlyMap<string, unknown>
}

/**
 * The hosts of an Ansible pattern, in inventory order, each once; may be empty (`db:!db`, a glob without a match).
 * `a,b` or `a:b` either, `&c` and also in c, `!d` but not d (in this order wherever they stand), `*` `?` `[abc]`
 * globs, `~` a regular expression from the start of the name, `web[0]` `web[1:2]` `web[-1]` members of a group
 * by position, `n[1:3]` `n[01:12:2]` the hosts n1 n2 n3. A name that is neither group nor host is a UsageError.
 */
export function matchHosts(inventory: Inventory, pattern: string): Host[] {
  const names = matchNames(inventory, pattern)
  return [...inventory.hosts.values()].filter(host => names.has(host.name))
}

/** The names behind a pattern. */
export function matchNames(scope: PatternScope, pattern: string): Set<string> {
  const terms = splitPattern(pattern)
  if (terms.length === 0)
    throw new UsageError(`the host pattern ${JSON.stringify(pattern)} is empty`)
  const included = terms.filter(term => !/^[!&]/.test(term))
  let names = new Set((included.length > 0 ? included : ['all']).flatMap(t => select(scope, t)))
  for (const term of terms.filter(t => t.startsWith('&'))) {
    const also = new Set(select(scope, term.slice(1)))
    names = new Set([...names].filter(name => also.has(name)))
  }
  for (const term of terms.filter(t => t.startsWith('!')))
    for (const name of select(scope, term.slice(1))) names.delete(name)
  return names
}

/** The single terms of a pattern: split at commas and colons outside of brackets. */
export function splitPattern(pattern: string): string[] {
  return (pattern.match(/(?:\[[^\]]*\]|[^,:])+/g) ?? [])
    .map(term => term.trim())
    .filter(term => term !== '')
}

function select(scope: PatternScope, term: string): string[] {
  const inOrder = [...scope.hosts.keys()]
  if (term.startsWith('~')) return selectMatching(scope, inOrder, regexOf(term))
  const exact = byName(scope, term)
  if (exact !== undefined) return exact
  const subscript = /^(.+)\[(?:(-?\d+)|(\d+)[:-](\d*))\]$/.exec(term)
  if (subscript !== null) {
    const [, base = '', single, first, last] = subscript
    const members = isGlob(base)
      ? selectMatching(scope, inOrder, globRegex(base))
      : byName(scope, base)
    if (members !== undefined) {
      const sorted = inOrder.filter(name => members.includes(name))
      if (single !== undefined) return sorted.slice(Number(single)).slice(0, 1)
      return sorted.slice(Number(first), last === '' ? undefined : Number(last) + 1)
    }
  }
  const range = expandRanges(term)
  if (range !== undefined) return range.flatMap(name => known(scope, name, term))
  if (isGlob(term)) return selectMatching(scope, inOrder, globRegex(term))
  return known(scope, term, term)
}

function byName(scope: PatternScope, name: string): (readonly string[] & string[]) | undefined {
  const members = scope.groups.get(name)
  if (members !== undefined) return [...members]
  return scope.hosts.has(name) ? [name] : undefined
}

function known(scope: PatternScope, name: string, term: string): string[] {
  const found = byName(scope, name)
  if (found !== undefined) return found
  throw new UsageError(
    `no host or group is called ${name}${name === term ? '' : ` (from ${term})`}`,
    { hint: suggestion(name, [...scope.groups.keys(), ...scope.hosts.keys()]) },
  )
}

function selectMatching(scope: PatternScope, hosts: readonly string[], regex: RegExp): string[] {
  const found = new Set(hosts.filter(name => regex.test(name)))
  for (const [group, members] of scope.groups)
    if (regex.test(group)) for (const name of members) found.add(name)
  return [...found]
}

const isGlob = (term: string): boolean => /[*?[]/.test(term)

function globRegex(glob: string): RegExp {
  const source = glob.replace(/\[!?[^\]]*\]|[\s\S]/g, part => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length > 1) return part.replace(/^\[!/, '[^').replace(/\\/g, '\\\\')
    return part.replace(/[\\^$.*+?()[\]{}|]/, '\\$&')
  })
  return compile(`^(?:${source})$`, glob)
}

const regexOf = (term: string): RegExp => compile(`^(?:${term.slice(1)})`, term)

function compile(source: string, term: string): RegExp {
  try {
    return new RegExp(source)
  } catch {
    throw new UsageError(`the host pattern ${term} is no valid expression`)
  }
}

/** `n[01:03]` → n01 n02 n03, `n[a:c]`, with a step `n[1:9:2]`, several in one name; undefined: there is no range. */
export function expandRanges(term: string): string[] | undefined {
  const match = /^(.*?)\[(\d+|[a-z]):(\d+|[a-z])(?::(\d+))?\](.*)$/.exec(term)
  if (match === null) return undefined
  const [, before = '', first = '', last = '', step = '1', after = ''] = match
  const values = rangeValues(first, last, Number(step))
  if (values === undefined)
    throw new UsageError(`the range [${first}:${last}] in ${term} has no members`)
  const rest = expandRanges(after) ?? [after]
  return values.flatMap(value => rest.map(end => `${before}${value}${end}`))
}

function rangeValues(first: string, last: string, step: number): string[] | undefined {
  const digits = /^\d+$/
  const numeric = digits.test(first)
  if (numeric !== digits.test(last) || step < 1) return undefined
  const [from, to] = numeric
    ? [Number(first), Number(last)]
    : [first.charCodeAt(0), last.charCodeAt(0)]
  if (from > to || to - from > 10_000) return undefined
  const width = numeric && first.startsWith('0') ? first.length : 0
  const values: string[] = []
  for (let at = from; at <= to; at += step)
    values.push(numeric ? String(at).padStart(width, '0') : String.fromCharCode(at))
  return values
}
