import t from 'tap'
import { Collector, frame, marks } from '../../lib/ssh/frame.ts'

const TOKEN = 'abcdef'

void t.test('the result is the same wherever the stream is cut', t => {
  const { out, err } = marks(TOKEN, 7)
  const text = `\x1e${TOKEN}:6:000;\x1e${TOKEN}:\x1e\x1eé\0` // nearly marks, and an older one
  const whole = Buffer.concat([Buffer.from(text), out, Buffer.from('042;late')])
  for (let size = 1; size <= whole.length; size++) {
    const collector = new Collector('out')
    collector.expect(out, { bytes: 1000 })
    for (let at = 0; at < whole.length; at += size) collector.push(whole.subarray(at, at + size))
    if (!collector.done || collector.text() !== text || collector.code() !== 42)
      t.fail(`cut every ${size}`)
  }
  const collector = new Collector('err')
  collector.expect(err, { bytes: 1000 })
  t.notOk(collector.done)
  collector.push(Buffer.concat([Buffer.from('x'), err.subarray(0, 3)]))
  t.notOk(collector.done)
  collector.push(err.subarray(3))
  t.ok(collector.done)
  t.equal(collector.text(), 'x')
  t.end()
})

void t.test('the limit is exact to the byte, and the mark is found beyond it', t => {
  const { out } = marks(TOKEN, 1)
  const end = Buffer.concat([out, Buffer.from('000;')])
  for (const [size, over] of [
    [100, false],
    [101, true],
  ] as const) {
    const collector = new Collector('out')
    collector.expect(out, { bytes: 100 })
    collector.push(Buffer.alloc(size - 30, 'x'))
    collector.push(Buffer.concat([Buffer.alloc(30, 'x'), end]))
    t.equal(collector.done, true)
    t.equal(collector.overflow, over, `${size} bytes`)
  }
  t.end()
})

void t.test('keeps only the last bytes, and finds the mark, wherever the stream is cut', t => {
  const { out } = marks(TOKEN, 1)
  const numbers = Array.from({ length: 3000 }, (_, i) => `${i} `).join('')
  const whole = Buffer.concat([Buffer.from(numbers), out, Buffer.from('007;')])
  for (const size of [1, 2, 7, 99, 100, 101, 1000, whole.length]) {
    const collector = new Collector('out')
    collector.expect(out, { bytes: 100_000, last: 100 })
    for (let at = 0; at < whole.length; at += size) collector.push(whole.subarray(at, at + size))
    const text = collector.text()
    const kept = numbers.endsWith(text) && text.length >= Math.min(100, numbers.length - size)
    if (!collector.done || collector.code() !== 7 || !kept || collector.overflow)
      t.fail(`cut every ${size}: ${text.length}`)
  }
  const much = new Collector('out')
  much.expect(out, { bytes: 1000, last: 100 })
  for (let i = 0; i < 100; i++) much.push(Buffer.alloc(50, 'x'))
  t.equal(much.overflow, true, 'what is not kept counts')
  t.end()
})

void t.test('millions of single bytes, and output beyond the limit, take no memory', t => {
  const { out } = marks(TOKEN, 1)
  const byte = Buffer.from('x')
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  for (const bytes of [8_000_000, 100_000]) {
    const collector = new Collector('out')
    collector.expect(out, { bytes })
    const before = used()
    for (let i = 0; i < 1_000_000; i++) collector.push(Buffer.from(byte))
    t.ok(used() - before < 50_000_000, `${Math.round((used() - before) / 1e6)} MB`)
    for (const b of [...out, ...Buffer.from('000;')]) collector.push(Buffer.of(b))
    t.equal(collector.done, true)
    t.equal(collector.overflow, bytes < 1_000_000)
    t.equal(collector.text().length >= 4096, true, 'its end is there')
  }
  t.end()
})

void t.test('output of background processes is dropped', t => {
  const collector = new Collector('out')
  collector.push(Buffer.from('noise'))
  const { out } = marks(TOKEN, 2)
  collector.expect(out, { bytes: 100 })
  collector.push(Buffer.concat([out, Buffer.from('000;')]))
  t.equal(collector.text(), '')
  t.end()
})

void t.test('a frame never contains the bytes of its marks', t => {
  const { out, err } = marks(TOKEN, 3)
  const text = frame(TOKEN, 3, 'echo x', 'input')
  t.notOk(text.includes(out))
  t.notOk(text.includes(err))
  t.end()
})
