import t from 'tap'
import { Collector, frame, marks } from '../../lib/ssh/frame.ts'

const TOKEN = 'abcdef'

void t.test('a stream cut anywhere gives the same result', t => {
  const { out, err } = marks(TOKEN, 7)
  const text = `\x1e${TOKEN}:6:000;\x1e${TOKEN}:\x1e\x1eé\0` // nearly marks, and an older one
  const whole = Buffer.concat([Buffer.from(text), out, Buffer.from('042;late')])
  for (let size = 1; size <= whole.length; size++) {
    const collector = new Collector('out', 1000)
    collector.expect(out)
    for (let at = 0; at < whole.length; at += size) collector.push(whole.subarray(at, at + size))
    if (!collector.done || collector.text() !== text || collector.code() !== 42)
      t.fail(`cut every ${size}`)
  }
  const collector = new Collector('err', 1000)
  collector.expect(err)
  t.notOk(collector.done)
  collector.push(Buffer.concat([Buffer.from('x'), err.subarray(0, 3)]))
  t.notOk(collector.done)
  collector.push(err.subarray(3))
  t.ok(collector.done)
  t.equal(collector.text(), 'x')
  t.end()
})

void t.test('the limit holds up to its last byte, and the end is found beyond it', t => {
  const { out } = marks(TOKEN, 1)
  const end = Buffer.concat([out, Buffer.from('000;')])
  for (const [size, over] of [
    [100, false],
    [101, true],
  ] as const) {
    const collector = new Collector('out', 100)
    collector.expect(out)
    collector.push(Buffer.alloc(size - 30, 'x'))
    collector.push(Buffer.concat([Buffer.alloc(30, 'x'), end]))
    t.equal(collector.done, true)
    t.equal(collector.overflow, over, `${size} bytes`)
  }
  t.end()
})

void t.test('what nobody waits for is dropped', t => {
  const collector = new Collector('out', 100)
  collector.push(Buffer.from('noise'))
  const { out } = marks(TOKEN, 2)
  collector.expect(out)
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
