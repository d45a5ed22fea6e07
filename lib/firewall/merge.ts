import { disjoint, type Side } from './endpoint.ts'
import type { OuterRule } from './outer.ts'

/** Two sides as one; undefined: a rule cannot have both. */
const together = (a: Side, b: Side): Side | undefined => {
  if (JSON.stringify(a) === JSON.stringify(b)) return a
  return a.is === 'in' && b.is === 'in'
    ? { is: 'in', blocks: disjoint([...a.blocks, ...b.blocks]) }
    : undefined
}

const alike = (a: OuterRule, b: OuterRule, ...keys: readonly (keyof OuterRule)[]): boolean =>
  keys.every(key => JSON.stringify(a[key]) === JSON.stringify(b[key]))

const both = (a: OuterRule, b: OuterRule): OuterRule | undefined => {
  if (!alike(a, b, 'action', 'interface', 'match')) return undefined
  const hairpin = a.hairpin || b.hairpin
  if (alike(a, b, 'from', 'to')) return { ...a, hairpin }
  // Different flows stay rules of their own: each names its place.
  if (!alike(a, b, 'of')) return undefined
  const [from, to] = [together(a.from, b.from), together(a.to, b.to)]
  if (alike(a, b, 'from') && to) return { ...a, hairpin, to }
  return alike(a, b, 'to') && from ? { ...a, hairpin, from } : undefined
}

const once = (rules: readonly OuterRule[]): OuterRule[] =>
  rules.reduce<OuterRule[]>((done, next) => {
    for (const [i, before] of done.entries()) {
      const one = both(before, next)
      if (one) return done.with(i, one)
    }
    return [...done, next]
  }, [])

/** As few rules as possible that mean the same: those of a flow that differ on one side only, and equal ones, become one. */
export const merged = (rules: readonly OuterRule[]): OuterRule[] => {
  const fewer = once(rules)
  return fewer.length === rules.length ? fewer : merged(fewer)
}
