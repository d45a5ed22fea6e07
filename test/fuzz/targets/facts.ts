import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { account, line, path, pkg } from './families.ts'
import { boot, command, kernel, storage, system, unit } from './families-system.ts'
import { GarbledProbe, type Answer } from '../../../lib/facts/family.ts'
import { batch, type Query } from '../../../lib/facts/index.ts'
import type { Model } from './model.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { sound } from '../json.ts'
import { changes, mutated } from '../text.ts'

const MARK = '\x1e0123456789abcdef01:'
const MODELS = {
  ...path,
  ...account,
  ...pkg,
  ...unit,
  ...storage,
  ...kernel,
  ...line,
  ...system,
  ...boot,
  ...command,
}

/** Facts drawn once: a batch only has to keep them apart. */
const POOLS = new Map(
  Object.entries(MODELS).map(([name, m]) => [name, fc.sample(m.fact, { numRuns: 64, seed: 1 })]),
)

const subset = (args: readonly string[], bits: number): string[] => {
  const some = args.filter((_, i) => (bits >> i) & 1)
  return some.length > 0 ? some : [...args]
}

/** Facts → text → the same facts; any other text is refused or gives facts that there can be, one per question. */
function familyTarget(name: string, m: Model<unknown>): Target {
  const inputs = fc.tuple(
    fc.nat(2 ** m.args.length - 1),
    fc.array(m.fact, { minLength: m.args.length, maxLength: m.args.length }),
    changes(3),
    fc.nat(5),
    fc.nat(),
  )
  return target(`facts/${name}`, inputs, ([bits, all, seeds, what, at]) => {
    const args = subset(m.args, bits)
    const facts = all.slice(0, args.length)
    const answer = { out: '', err: '', code: 0, ...m.render(args, facts, MARK) }
    const parse = (a: Answer): unknown[] | undefined =>
      unlessRefused([GarbledProbe], () => m.family.parse(a, args, MARK))
    const holds = (a: Answer): void => {
      const got = parse(a)
      if (got === undefined) return
      deepStrictEqual(got.length, args.length)
      for (const fact of got) {
        sound(fact)
        ok(m.domain(fact), `a fact that there cannot be: ${JSON.stringify(fact)}`)
      }
    }
    if (seeds.length === 0) deepStrictEqual(parse(answer), facts)
    else if (what === 0) holds({ ...answer, code: seeds[0] ?? 0 })
    else if (what === 1)
      holds({ ...answer, err: seeds.reduce((t, s) => mutated(t, s), answer.err) })
    else if (what === 2 && answer.out !== '') {
      const cut = { ...answer, out: answer.out.slice(0, at % answer.out.length) }
      if (m.counted) deepStrictEqual(parse(cut), undefined, 'an answer cut short was accepted')
      else holds(cut)
    } else holds({ ...answer, out: seeds.reduce((t, s) => mutated(t, s), answer.out) })
  })
}

/** A session's word, and the marks that a batch prints by it, from its script. */
const WORD = '01234567-89ab-cdef-0123-456789abcdef'
function marksOf(script: string): { section: string; record: string } {
  const id = /:s([0-9a-f]{8}):%d;' \$\?/.exec(script)?.[1] ?? ''
  return { section: `\x1e${WORD}:s${id}:`, record: `\x1e${WORD}:r${id}:` }
}

/** Sections of several families in one answer: each question gets its own answer, and never another's. */
const batchTarget = target(
  'facts/batch',
  fc.tuple(
    fc.uniqueArray(fc.constantFrom(...Object.keys(MODELS)), { minLength: 1, maxLength: 4 }),
    fc.nat(1_000_000),
    changes(3),
    fc.boolean(),
  ),
  ([names, draw, seeds, onErr]) => {
    const sections = names.map((name, k) => {
      const m = MODELS[name as keyof typeof MODELS] as Model<unknown>
      const bits = (draw >> k) & 7
      const args = subset(m.args, bits)
      const pool = POOLS.get(name) ?? []
      const facts = args.map((_, i) => pool[(draw + 17 * k + i) % pool.length])
      return { name, m, args, facts }
    })
    const queries = sections.flatMap(({ name, args }) =>
      args.map(arg => ({ family: name, arg }) as Query),
    )
    const { script, parse } = batch(queries)
    const { section, record } = marksOf(script)
    let [stdout, stderr] = ['', '']
    for (const { m, args, facts } of sections) {
      const answer = m.render(args, facts, record)
      stdout += `${answer.out ?? ''}${section}${answer.code ?? 0};`
      stderr += `${answer.err ?? ''}${section}`
    }
    if (seeds.length === 0) {
      const wanted = sections.flatMap(({ name, args, facts }) =>
        args.map((arg, i) => [`${name}:${arg}`, facts[i]] as const),
      )
      deepStrictEqual(parse({ code: 0, stdout, stderr }, WORD), new Map(wanted))
      return
    }
    const change = (text: string): string => seeds.reduce((t, s) => mutated(t, s, [section]), text)
    if (onErr) stderr = change(stderr)
    else stdout = change(stdout)
    const got = unlessRefused([GarbledProbe], () => parse({ code: 0, stdout, stderr }, WORD))
    if (got === undefined) return
    deepStrictEqual(got.size, queries.length)
    for (const { name, m, args } of sections)
      for (const arg of args) {
        const fact = got.get(`${name}:${arg}`)
        sound(fact)
        ok(m.domain(fact), `${name} ${arg}: a fact that there cannot be: ${JSON.stringify(fact)}`)
      }
  },
)

export const facts: readonly Target[] = [
  ...Object.entries(MODELS).map(([name, m]) => familyTarget(name, m)),
  batchTarget,
]
