import fc from 'fast-check'
import t from 'tap'
import { LastLine } from '../../lib/ssh/last-line.ts'
import { bytesSaid } from '../../lib/resources/bytes.ts'

/** What is said at once when these pieces arrive, and what comes after a while. */
const said = async (pieces: readonly string[], wait = 0): Promise<string[]> => {
  const lines: string[] = []
  const last = new LastLine(line => lines.push(line))
  for (const piece of pieces) last.push(Buffer.from(piece))
  if (wait > 0) await new Promise(done => setTimeout(done, wait))
  last.end()
  return lines
}

void t.test('the last complete line', async t => {
  for (const [pieces, expected] of [
    [['one\ntwo\nthr'], ['two']],
    [['on', 'e\n'], ['one']],
    [['one\n\n  \n'], ['one']],
    [['no end'], []],
    [[' 10%\r 20%\r 30'], [' 10%\r 20%']],
    [['done\n 10%\r'], [' 10%']],
    [['\u001emark;000;\n'], []],
    [[`${'x'.repeat(5000)}\n`], []],
    [['x'.repeat(5000), 'rest of it\nnext\n'], ['next']],
    [['x'.repeat(5000), 'rest of it\n'], []],
  ] as [string[], string[]][])
    t.strictSame(await said(pieces), expected, JSON.stringify(pieces).slice(0, 40))
})

void t.test('not more than four a second, and then the newest', async t => {
  t.strictSame(await said(['1\n', '2\n', '3\n'], 400), ['1', '3'])
})

void t.test('whatever the pieces: nothing but whole lines is said', t => {
  const text = fc.array(fc.constantFrom('a', 'secret', '\n', '\r', ' ', 'é'), { maxLength: 40 })
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 60 }), { maxLength: 8 }), (words, cuts) => {
      const bytes = Buffer.from(words.join(''))
      const at = [0, ...cuts.map(c => Math.min(c, bytes.length)), bytes.length].sort(
        (a, b) => a - b,
      )
      const lines: string[] = []
      const last = new LastLine(line => lines.push(line))
      for (const [i, from] of at.entries()) last.push(bytes.subarray(from, at[i + 1]))
      last.end()
      const whole = bytes.toString().split('\n')
      for (const line of lines)
        if (!whole.some(w => w === line || w.startsWith(`${line}\r`)))
          throw new Error(`${JSON.stringify(line)} is a part of a line`)
    }),
  )
  t.pass('held')
  t.end()
})

void t.test('bytes in words', t => {
  const texts: string[] = []
  const say = bytesSaid('uploading', text => texts.push(text))
  say(34_000_000, 72_400_000)
  say(35_000_000, 72_400_000)
  t.strictSame(texts, ['uploading, 34 MB of 72 MB'], 'not at once again')
  bytesSaid('fetching k3s', text => texts.push(text))(999, undefined)
  t.equal(texts.at(-1), 'fetching k3s, 1 kB')
  t.end()
})
