import { deepStrictEqual, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { quoteAll } from '../../../lib/shell/quote.ts'
import { Collector, frame, marks } from '../../../lib/ssh/frame.ts'
import { target, type Target } from '../harness.ts'
import { nasty } from '../text.ts'

const TOKEN = 'f00dfeed0123456789abcdef'
const N = 12

/** Output of a command: bytes, and sometimes pieces of marks, also of its own frame. */
const printed = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.uint8Array({ maxLength: 24 }).map(b => Buffer.from(b)) },
      fc
        .tuple(fc.nat(3), fc.nat(40))
        .map(
          ([which, size]) =>
            [
              marks(TOKEN, N).out.subarray(0, Math.min(size, marks(TOKEN, N).out.length - 1)),
              marks(TOKEN, N).err.subarray(0, Math.min(size, marks(TOKEN, N).err.length - 1)),
              marks(TOKEN, N - 1).out,
              Buffer.from(`\x1e${TOKEN}:${N}`),
            ][which] ?? Buffer.alloc(0),
        ),
    ),
    { maxLength: 5 },
  )
  .map(pieces => Buffer.concat(pieces))

/** Bytes in pieces, cut anywhere. */
function* pieces(all: Buffer, cuts: readonly number[]): Generator<Buffer> {
  let from = 0
  for (let i = 0; from < all.length; i++) {
    const size = 1 + ((cuts[i % Math.max(1, cuts.length)] ?? all.length) % 64)
    yield all.subarray(from, from + size)
    from += size
  }
}

const frames = target(
  'ssh/frame',
  fc.tuple(printed, fc.nat(255), fc.array(fc.nat(63), { maxLength: 8 }), printed, fc.boolean()),
  ([said, code, cuts, later, isOut]) => {
    const kind = isOut ? 'out' : 'err'
    const mark = marks(TOKEN, N)[kind]
    // Only the very mark ends a frame; a program that prints it would have had to guess it.
    if (Buffer.concat([said, mark]).indexOf(mark) !== said.length) return
    const end = isOut ? Buffer.from(`${String(code).padStart(3, '0')};`) : Buffer.alloc(0)
    const all = Buffer.concat([said, mark, end])
    const collector = new Collector(kind)
    collector.push(Buffer.from('before anybody waits'))
    collector.expect(mark, { bytes: 1 << 20 })
    let sent = 0
    for (const piece of pieces(all, cuts)) {
      deepStrictEqual(collector.done, false)
      collector.push(piece)
      sent += piece.length
    }
    deepStrictEqual(sent, all.length)
    deepStrictEqual(collector.done, true)
    collector.push(later)
    deepStrictEqual(collector.text(), said.toString('utf8'))
    if (isOut) deepStrictEqual(collector.code(), code)
    deepStrictEqual(collector.overflow, false)
  },
)

/** Output over the limit is recognised, output within it is whole, and where only the end is wanted only the end is kept. */
const overflows = target(
  'ssh/overflow',
  fc.tuple(
    fc.nat(400),
    fc.nat(200),
    fc.array(fc.nat(63), { maxLength: 4 }),
    fc.option(fc.nat(300), { nil: undefined }),
  ),
  ([size, limit, cuts, last]) => {
    const mark = marks(TOKEN, N).err
    const said = Array.from({ length: size }, (_, i) => String.fromCharCode(33 + (i % 90))).join('')
    const collector = new Collector('err')
    collector.expect(mark, { bytes: limit, last })
    for (const piece of pieces(Buffer.concat([Buffer.from(said), mark]), cuts)) {
      collector.push(piece)
      if (collector.overflow) ok(size > limit, 'too much, and yet allowed')
    }
    deepStrictEqual([collector.done, collector.overflow], [true, size > limit])
    if (size > limit) return
    const kept = collector.text()
    if (last === undefined) deepStrictEqual(kept, said)
    else ok(said.endsWith(kept) && kept.length >= Math.min(last, size), `kept ${kept.length}`)
  },
  {
    examples: [
      [1, 1, [0], undefined],
      [35, 35, [], undefined],
      [91, 91, [], 7],
    ],
  },
)

/** One sh for many words: a process costs more than all of them. */
const words = target(
  'shell/quote',
  fc.array(nasty(3), { minLength: 1, maxLength: 60 }),
  all => {
    const good = all.map(w => w.replaceAll('\0', ''))
    const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${quoteAll(good)}`])
    const wanted = Buffer.concat(good.flatMap(w => [Buffer.from(w), Buffer.from([0])]))
    ok(stdout.equals(wanted), `sh read ${JSON.stringify(stdout.toString())}`)
    for (const word of all.filter(w => w.includes('\0'))) {
      let refused = false
      try {
        quoteAll([word])
      } catch (error) {
        refused = error instanceof TypeError
      }
      ok(refused, 'a word with NUL was quoted')
    }
  },
  { weight: 0.05 },
)

const inShell = target(
  'ssh/frame-in-sh',
  fc.tuple(printed, fc.nat(255)),
  ([input, code]) => {
    if (marks(TOKEN, N).out.length <= input.length && input.includes(marks(TOKEN, N).out)) return
    const script = `cat; printf no >&2; (exit ${code})`
    const { stdout, stderr } = spawnSync('sh', { input: frame(TOKEN, N, script, input) })
    const [out, err] = [new Collector('out'), new Collector('err')]
    out.expect(marks(TOKEN, N).out, { bytes: 1 << 20 })
    err.expect(marks(TOKEN, N).err, { bytes: 1 << 20 })
    out.push(stdout)
    err.push(stderr)
    deepStrictEqual([out.done, err.done], [true, true])
    deepStrictEqual([out.text(), out.code(), err.text()], [input.toString('utf8'), code, 'no'])
  },
  { weight: 0.05 },
)

export const ssh: readonly Target[] = [frames, overflows, words, inShell]
