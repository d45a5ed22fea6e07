// How fmc writes to a host: together what ssh2 writes in parts, and not without end to a host that does not read.
import { Duplex } from 'node:stream'
import t from 'tap'
import { takesAnswers, writesTogether } from '../../lib/ssh/connection.ts'

const PACKET = Buffer.alloc(36)

void t.test('a host that reads nothing is cut off', async t => {
  const sock = new Duplex({ read() {}, write() {} })
  const error = new Promise<Error>(resolve => sock.once('error', resolve))
  takesAnswers(sock)
  for (let i = 0; i < 50_000 && !sock.destroyed; i++) sock.write(PACKET)
  t.ok(sock.destroyed)
  t.match(await error, { message: 'it does not read our answers' })
  t.ok(sock.writableLength <= 10_001 * PACKET.length)
})

void t.test('a host that reads may get any amount', async t => {
  const sock = new Duplex({ read() {}, write: (_chunk, _encoding, done) => setImmediate(done) })
  takesAnswers(sock)
  for (let i = 0; i < 30; i++) {
    for (let j = 0; j < 1000; j++) sock.write(PACKET)
    if (sock.writableNeedDrain) await new Promise(resolve => sock.once('drain', resolve))
  }
  t.notOk(sock.destroyed)
  sock.destroy()
})

void t.test('what is written before the process does something else goes out together', async t => {
  const sent: string[][] = []
  const sock = new Duplex({
    read() {},
    writev: (chunks, done) => {
      sent.push(chunks.map(({ chunk }) => String(chunk)))
      done()
    },
  })
  writesTogether(sock)
  takesAnswers(sock)
  const flushed = new Promise<void>(resolve => process.nextTick(resolve))
  for (const part of ['length', 'content', 'tag']) sock.write(part)
  t.strictSame(sent, [], 'not yet')
  await flushed
  sock.write('next')
  await new Promise(setImmediate)
  t.strictSame(sent, [['length', 'content', 'tag'], ['next']])
  sock.destroy()
})
