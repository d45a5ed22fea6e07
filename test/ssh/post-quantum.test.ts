import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { publicKey, startSshd, until } from './rig.ts'

/** The beginning of an SSH server: its name and the algorithms that it offers (RFC 4253 §4.2, §6, §7.1). */
const greeting = (kex: string): Buffer => {
  const list = (text: string): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    return Buffer.concat([length, Buffer.from(text)])
  }
  const lists = [kex, 'ssh-ed25519', 'aes128-ctr', 'aes128-ctr', 'hmac-sha2-256', 'hmac-sha2-256']
  const payload = Buffer.concat([
    Buffer.from([20]),
    randomBytes(16),
    ...[...lists, 'none', 'none', '', ''].map(list),
    Buffer.alloc(5),
  ])
  const size = 16 - ((payload.length + 5) % 8)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(payload.length + size + 1)
  head.writeUInt8(size, 4)
  return Buffer.concat([Buffer.from('SSH-2.0-Test\r\n'), head, payload, Buffer.alloc(size)])
}

void t.test('a host, or a jump host, with post-quantum key exchange only', async t => {
  const dir = t.testdir({ quantum: {}, plain: {} })
  const quantum = await startSshd(join(dir, 'quantum'), {
    config: 'KexAlgorithms sntrup761x25519-sha512@openssh.com\nListenAddress 127.0.0.2',
  })
  t.teardown(() => quantum.stop())
  const plain = await startSshd(join(dir, 'plain'))
  t.teardown(() => plain.stop())
  const known = join(dir, 'known_hosts')
  writeFileSync(
    known,
    `[127.0.0.1]:${quantum.port},[127.0.0.2]:${quantum.port} ${publicKey(join(dir, 'quantum/host'))}\n` +
      `[127.0.0.1]:${plain.port} ${publicKey(join(dir, 'plain/host'))}\n`,
  )
  const config = join(dir, 'config')
  writeFileSync(
    config,
    `Host jumping\n  HostName 127.0.0.1\n  ProxyJump root@127.0.0.2:${quantum.port}\nHost *\n  IdentityFile ${quantum.key}\n  IdentityFile ${plain.key}\n  UserKnownHostsFile ${known}\n`,
  )
  const limits = { ...LIMITS, sshConfig: config }
  for (const [address, port] of [
    ['127.0.0.1', quantum.port],
    ['jumping', plain.port],
  ] as const) {
    const said: string[] = []
    const target = {
      ...{ name: 'n', address, port, user: 'root', sudo: false },
      onOpenssh: (why: string) => void said.push(why),
    }
    for (let i = 0; i < 2; i++) {
      const { session } = await openWith(limits, target)
      t.equal((await session.run('echo it')).stdout, 'it\n')
      t.match(await session.connected(), { transport: 'openssh', why: /key exchange algorithm/ })
      session.close()
    }
    t.same(said, Array(2).fill('any key exchange algorithm of the host'))
    await t.rejects(openWith(limits, { ...target, transport: 'ssh2' }), {
      name: 'UnreachableError',
      message: /no matching key exchange algorithm/,
    })
  }
})

void t.test(
  'a host whose key exchange neither ssh2 nor this ssh has: the error names what it offers',
  async t => {
    const kex = spawnSync('ssh', ['-Q', 'kex'], { encoding: 'utf8' }).stdout
    const offered = kex.includes('mlkem1024') ? 'test-only@fmc' : 'mlkem1024nistp384-sha384'
    const server = net
      .createServer(socket => {
        socket.on('error', () => undefined)
        socket.write(greeting(offered))
      })
      .listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await until(() => server.listening)
    const { port } = server.address() as net.AddressInfo
    const target = { name: 'n', address: '127.0.0.1', port, user: 'root', sudo: false }
    const file = join(t.testdir(), 'config')
    writeFileSync(file, 'Host *\n  IdentityAgent /none\n')
    await t.rejects(openWith({ ...LIMITS, sshConfig: file }, target), {
      name: 'UnreachableError',
      message: new RegExp(`no matching key exchange method found.*${offered}`),
    })
  },
)
