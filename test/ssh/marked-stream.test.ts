import fc from 'fast-check'
import t from 'tap'
import { MarkedStream } from '../../lib/ssh/marked-stream.ts'

const WORD = '0b2f6a60-5f0c-4f0d-9b3a-2d1b1e0c9a7e'

void t.test('whatever the output and its pieces: all bytes before the mark, and the code', t => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map(b => Buffer.from(b)),
    fc
      .constantFrom('\x1e', `\x1e${WORD}`, `\x1e${WORD.slice(0, 9)}`)
      .map(text => Buffer.from(text)),
  )
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.integer({ min: 0, max: 255 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (pieces, code, sizes) => {
        const output = Buffer.concat(pieces)
        const all = Buffer.concat([
          output,
          Buffer.from(`\x1e${WORD}:e:${String(code).padStart(3, '0')};late`),
        ])
        const stream = new MarkedStream(WORD)
        const seen: Buffer[] = []
        let found: number | undefined
        for (let at = 0, i = 0; at < all.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          const got = stream.push(all.subarray(at, at + size))
          seen.push(Buffer.from(got.bytes))
          found ??= got.code
          at += size
        }
        return Buffer.concat([...seen, stream.rest()]).equals(output) && found === code
      },
    ),
    { numRuns: 2000 },
  )
  const cut = new MarkedStream(WORD)
  cut.push(Buffer.from(`a\x1e${WORD}`))
  t.equal(cut.rest().toString(), `\x1e${WORD}`, 'without a mark the beginning of one is output')
  t.end()
})
