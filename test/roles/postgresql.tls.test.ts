// The gate "PostgreSQL speaks TLS": what a server sends, held against the file that it should send.
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { SERVES_FILE } from '../../roles/postgresql/server.ts'

/** root → between → db, and another key with its own certificate. */
const AUTHORITY = `set -e
new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 2>/dev/null; }
printf 'basicConstraints=critical,CA:true\\n' >ca.ext
new root; openssl x509 -req -in root.csr -key root.key -extfile ca.ext -days 9 -out root.crt 2>/dev/null
new between; openssl x509 -req -in between.csr -CA root.crt -CAkey root.key -CAcreateserial -extfile ca.ext -days 9 -out between.crt 2>/dev/null
new db; openssl x509 -req -in db.csr -CA between.crt -CAkey between.key -CAcreateserial -days 9 -out db.crt 2>/dev/null
new other; openssl x509 -req -in other.csr -key other.key -days 9 -out other.crt 2>/dev/null
openssl x509 -req -in db.csr -CA between.crt -CAkey between.key -CAcreateserial -days 0 -out ended.crt 2>/dev/null
cat db.crt between.crt >fullchain.crt`

/** A server that answers PostgreSQL's SSLRequest (Frontend/Backend Protocol, "SSL Session Encryption"), and then speaks TLS. */
async function server(t: Test, cert: string, key: string, accept = 'S'): Promise<number> {
  const context = createSecureContext({ cert, key })
  const listening: Server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(accept)
      if (accept !== 'S') {
        socket.end()
        return
      }
      new TLSSocket(socket, { isServer: true, secureContext: context }).on('error', () => undefined)
    })
  })
  await new Promise<void>(done => listening.listen(0, '127.0.0.1', done))
  t.teardown(() => listening.close())
  return (listening.address() as AddressInfo).port
}

const asks = (port: number, file: string): Promise<string> =>
  new Promise(done => {
    const child = spawn('sh', ['-c', SERVES_FILE, 'sh', `127.0.0.1:${port}`, file])
    let said = ''
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    child.on('close', code => done(code === 0 ? 'fine' : said.trim()))
  })

void t.test('what the server shows is what its file has', async t => {
  const dir = t.testdir({})
  execFileSync('sh', ['-c', AUTHORITY], { cwd: dir })
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8')
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text)
    return join(dir, name)
  }
  const key = read('db.key')
  const chain = await server(t, read('fullchain.crt'), key)
  const alone = await server(t, read('db.crt'), key)
  const full = file('full.pem', read('fullchain.crt') + key)
  t.equal(await asks(chain, full), 'fine', 'a certificate with an intermediate')
  t.equal(
    await asks(chain, file('crlf.pem', (read('fullchain.crt') + key).replaceAll('\n', '\r\n'))),
    'fine',
    'CRLF',
  )
  t.equal(await asks(chain, file('leaf.pem', read('db.crt') + key)), 'fine', 'more than declared')
  t.equal(await asks(alone, file('one.pem', read('db.crt') + key)), 'fine')
  const selfSigned = await server(t, read('other.crt'), read('other.key'))
  t.equal(
    await asks(selfSigned, file('self.pem', read('other.key') + read('other.crt'))),
    'fine',
    'self-signed, key first',
  )
  t.match(await asks(alone, full), /another certificate/, 'the intermediate is missing')
  t.match(await asks(selfSigned, full), /another certificate/)
  t.match(await asks(chain, file('ended.pem', read('ended.crt') + key)), /has expired/)
  t.not(await asks(await server(t, read('db.crt'), key, 'N'), full), 'fine', 'no TLS')
  t.not(await asks(1, full), 'fine', 'no server')
})
