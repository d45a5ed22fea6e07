import { Writable } from 'node:stream'
import t from 'tap'
import { createWriter } from '../../lib/report/writer.ts'

void t.test('the end comes when the queue fits into what the reader has freed', async t => {
  const got: string[] = []
  const release: (() => void)[] = []
  const stream = new Writable({
    highWaterMark: 10,
    decodeStrings: false,
    write(text: string, _, done) {
      got.push(text)
      release.push(done)
    },
  })
  const writer = createWriter(stream)
  writer.write('0123456789')
  writer.write('ab')
  const end = writer.end()
  // The reader takes one piece after another until there is nothing left.
  const reader = setInterval(() => release.shift()?.(), 1)
  await end
  clearInterval(reader)
  t.equal(got.join(''), '0123456789ab')
})
