import { UsageError } from '../errors.ts'
import { globMatcher, isGlob, regexMatcher } from './globs.ts'
import { suggestion } from '../text/nearest.ts'
import type { Host, Inventory } from './types.ts'

/** The names that patterns are matched against. */
export type PatternScope = Pick<Inventory, 'groups'> & {
  readonly hosts: ReadonlyMap<string, unknown>
}

/**
 * The hosts that match an Ansible pattern, in inventory order, each once. The result may be empty (`db:!db`, a glob without a
 * match). A pattern combines names of hosts and groups:
 *
 * - `a,b` or `a:b`: hosts of a or b; `a:&c`: also in c; `a:!d`: not in d (applied in this order wherever they stand)
 * - `*`, `?`, `[abc]`: globs; `~`: a regular expression that matches from the start of a name
 * - `web[0]`, `web[1:2]`, `web[-1]`: members of a group by position
 * - `n[1:3]`, `n[01:12:2]`: the names n1, n2, n3; n01, n03 …
 *
 * In a role `hosts(pattern)` does the same; this one is for `conclude` and `advise`, which get the inventory as data.
 *
 * @throws UsageError for a name that is neither host nor group, and for a malformed pattern.
 *
 * @example
 * const names = matchHosts(inventory(), 'k3s_servers:!master1').map(h => h.name)
 */
export function matchHosts(inventory: Inventory, pattern: string): Host[] {
  const names = matchNames(inventory, pattern)
  return [...inventory.hosts.values()].filter(host => names.has(host.name))
}

/**
 * The hosts of a play's pattern. Unlike on the command line, a name that the inventory does not have is no error, because one
 * playbook serves many clouds: it stands for no host. `missing` has such names, except excluded ones (`!name`).
 */
export function matchPlay(
  inventory: Inventory,
  pattern: string,
): { readonly hosts: Host[]; readonly missing: readonly string[] } {
  const missing = new Set<string>()
  const names = matchNames(inventory, pattern, name => missing.add(name))
  for (const term of splitPattern(pattern)) if (term.startsWith('!')) missing.delete(term.slice(1))
  return {
    hosts: [...inventory.hosts.values()].filter(host => names.has(host.name)),
    missing: [...missing],
  }
}

/** The names of the hosts that match a pattern. `unknown` gets each name that does not exist; without it such a name is an error. */
export function matchNames(
  scope: PatternScope,
  pattern: string,
  unknown?: (name: string) => void,
): Set<string> {
  if (pattern.length > LONGEST_PATTERN)
    throw new UsageError(`a host pattern is longer than ${LONGEST_PATTERN} characters`, {
      hint: 'make a group of these hosts',
    })
  const terms = splitPattern(pattern)
  if (terms.length === 0)
    throw new UsageError(`the host pattern ${JSON.stringify(pattern)} is empty`)
  const included = terms.filter(term => !/^[!&]/.test(term))
  let names = new Set(
    (included.length > 0 ? included : ['all']).flatMap(t => select(scope, t, unknown)),
  )
  for (const term of terms.filter(t => t.startsWith('&'))) {
    const also = new Set(select(scope, term.slice(1), unknown))
    names = new Set([...names].filter(name => also.has(name)))
  }
  for (const term of terms.filter(t => t.startsWith('!')))
    for (const name of select(scope, term.slice(1), unknown)) names.delete(name)
  return names
}

/** The terms of a pattern, split at commas and colons outside of brackets. */
export function splitPattern(pattern: string): string[] {
  return (pattern.match(/(?:\[[^\]]*\]|[^,:])+/g) ?? [])
    .map(term => term.trim())
    .filter(term => term !== '')
}

function select(
  scope: PatternScope,
  term: string,
  unknown: ((name: string) => void) | undefined,
): string[] {
  const inOrder = [...scope.hosts.keys()]
  if (term.startsWith('~')) return selectMatching(scope, regexMatcher(term))
  const exact = byName(scope, term)
  if (exact !== undefined) return exact
  const subscript = /^(.+)\[(?:(-?\d+)|(\d+)[:-](\d*))\]$/.exec(term)
  // Not for `w[1:9][1:9]`, where both brackets are ranges of names.
  if (subscript !== null && !RANGE.test(subscript[1] ?? '')) {
    const [, base = '', single, first, last] = subscript
    const members = isGlob(base) ? selectMatching(scope, globMatcher(base)) : byName(scope, base)
    if (members !== undefined) {
      const inside = new Set(members)
      const sorted = inOrder.filter(name => inside.has(name))
      if (single !== undefined) return sorted.slice(Number(single)).slice(0, 1)
      return sorted.slice(Number(first), last === '' ? undefined : Number(last) + 1)
    }
  }
  const range = expandRanges(term)
  if (range !== undefined) return range.flatMap(name => known(scope, name, term, unknown))
  if (isGlob(term)) return selectMatching(scope, globMatcher(term))
  return known(scope, term, term, unknown)
}

function byName(scope: PatternScope, name: string): (readonly string[] & string[]) | undefined {
  const members = scope.groups.get(name)
  if (members !== undefined) return [...members]
  return scope.hosts.has(name) ? [name] : undefined
}

function known(
  scope: PatternScope,
  name: string,
  term: string,
  unknown: ((name: string) => void) | undefined,
): string[] {
  const found = byName(scope, name)
  if (found !== undefined) return found
  if (unknown) {
    unknown(name)
    return []
  }
  throw new UsageError(
    `no host or group is called ${name}${name === term ? '' : ` (from ${term})`}`,
    { hint: suggestion(name, [...scope.groups.keys(), ...scope.hosts.keys()]) },
  )
}

function selectMatching(
  scope: PatternScope,
  matching: (names: readonly string[]) => readonly string[],
): string[] {
  const found = new Set(matching([...scope.hosts.keys()]))
  for (const group of matching([...scope.groups.keys()]))
    for (const name of scope.groups.get(group) ?? []) found.add(name)
  return [...found]
}

/** Longest pattern in characters. */
const LONGEST_PATTERN = 32_768
/** A range with more names than this is a typing error. */
const MOST_NAMES = 10_000
/** Longest name with a range: a host name has at most 253 characters (RFC 1035, 2.3.4). */
const LONGEST = 255

/**
 * Expands ranges: `n[01:03]` → n01 n02 n03, `n[a:c]`, with a step `n[1:9:2]`, also several in one name; undefined: there is no
 * range. Throws UsageError for an empty range and for more than 10,000 names, which it counts before it makes any.
 */
export function expandRanges(term: string): string[] | undefined {
  const pieces = term.split(RANGE)
  if (pieces.length === 1) return undefined
  if (term.length > LONGEST)
    throw new UsageError(`a name with a range is longer than ${LONGEST} characters`)
  // split() gives text, first, last, step, text, …
  const ranges: Range[] = []
  for (let at = 1; at < pieces.length; at += 4) {
    const [first = '', last = '', step = '1'] = pieces.slice(at, at + 3)
    ranges.push(rangeOf(first, last, step, term))
  }
  const count = ranges.reduce((product, range) => product * range.count, 1)
  if (count > MOST_NAMES)
    throw new UsageError(
      `${term} stands for ${count > 1e15 ? 'more than 10¹⁵' : count.toLocaleString('en')} names, more than ${MOST_NAMES.toLocaleString('en')}`,
    )
  return ranges.reduce<string[]>(
    (names, range, i) =>
      names.flatMap(name =>
        range.values().map(value => `${name}${value}${pieces[i * 4 + 4] ?? ''}`),
      ),
    [pieces[0] ?? ''],
  )
}

const RANGE = /\[(\d+|[a-z]):(\d+|[a-z])(?::(\d+))?\]/

interface Range {
  readonly count: number
  readonly values: () => string[]
}

function rangeOf(first: string, last: string, step: string, term: string): Range {
  const digits = /^\d+$/
  const numeric = digits.test(first)
  const [from, to] = numeric
    ? [Number(first), Number(last)]
    : [first.charCodeAt(0), last.charCodeAt(0)]
  const by = Number(step)
  const exact = [from, to, by].every(Number.isSafeInteger)
  if (numeric !== digits.test(last) || by < 1 || from > to)
    throw new UsageError(`the range [${first}:${last}] in ${term} has no members`)
  if (!exact)
    throw new UsageError(`the range [${first}:${last}] in ${term} has numbers that are too large`)
  const width = numeric && first.startsWith('0') ? first.length : 0
  const count = Math.floor((to - from) / by) + 1
  return {
    count,
    values: () =>
      Array.from({ length: count }, (_, i) =>
        numeric ? String(from + i * by).padStart(width, '0') : String.fromCharCode(from + i * by),
      ),
  }
}
