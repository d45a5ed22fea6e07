import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { Collector, marks } from '../../../lib/ssh/frame.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { jsonMutants } from '../json.ts'
import { mutants } from '../text.ts'
import { TaskError } from '../../../lib/errors.ts'

const ETAB = '/srv/share\t10.17.4.0/24(rw,sync,mountpoint=/srv)\n/srv/b\t10.17.4.9(ro)\n'

/** Defects that are here on purpose: the harness has to find them (test/fuzz/harness.test.ts). Never part of a run. */
export const PLANTED: readonly Target[] = [
  target('planted/type-error', mutants([ETAB]), text => {
    unlessRefused([TaskError], () => exportsOf(text))
  }),
  target('planted/lost-byte', fc.tuple(fc.string(), fc.nat(60)), ([said, at]) => {
    const mark = marks('t0ken', 7).out
    const all = Buffer.concat([Buffer.from(said), mark, Buffer.from('000;')])
    const cut = at % all.length
    const collector = new Collector('out')
    collector.expect(mark, { bytes: 1e6 })
    // Loses a byte where a packet ends within the mark.
    const inMark = cut > Buffer.byteLength(said) && cut < Buffer.byteLength(said) + mark.length
    collector.push(all.subarray(0, inMark ? cut - 1 : cut))
    collector.push(all.subarray(cut))
    deepStrictEqual([collector.done, collector.text()], [true, said])
  }),
  target('planted/hang', fc.nat(3), n => {
    while (n === 3);
  }),
  target('planted/prototype', jsonMutants([{ a: { b: 1 } }]), text => {
    const into: Record<string, Record<string, unknown>> = {}
    const data = unlessRefused([SyntaxError], () => JSON.parse(text) as Record<string, object>)
    // Some of the prototype's properties cannot be assigned to: that is no defect of this parser.
    for (const key in data ?? {})
      into[key] =
        unlessRefused([TypeError], () => Object.assign(into[key] ?? {}, data?.[key])) ?? {}
  }),
  target('planted/deep', mutants(['{"kind":"a"}']), needle, {
    guided: { seeds: ['{"kind":"a"}'], holds: needle },
  }),
]

/** A parser that trusts its host: an option list has an option in it. */
function exportsOf(text: string): string[] {
  return text.split('\n').map(line => {
    const [, options] = /^\S+\s+[^\s(]+\(([^)]*)\)$/.exec(line) ?? []
    if (options === undefined && line !== '') throw new TaskError(`an odd line: ${line}`)
    return options === '' ? (undefined as unknown as string).trim() : ''
  })
}

/** Fails behind four branches, each reachable only through the one before: chance does not get there. */
function needle(text: string): void {
  if (!text.startsWith('{"kind":"')) return
  if (text[9] !== 'q') return
  if (text[10] !== 'Z') return
  if (text[11] !== '7') return
  if (text[12] === '~') throw new TypeError('found')
}
