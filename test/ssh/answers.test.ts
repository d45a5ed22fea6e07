// A host that asks for ever and reads no answer: ssh2 would keep them all.
import { Duplex } from 'node:stream'
import t from 'tap'
import { takesAnswers } from '../../lib/ssh/connection.ts'

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
