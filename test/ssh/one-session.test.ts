import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openSession, openWith, runStreamed } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import { PUBLISH, resume } from '../../lib/shell/staging.ts'
import { startSshd } from './rig.ts'

void t.test(
  'a host with MaxSessions 1: uploads and signals get a connection of their own',
  async t => {
    const dir = t.testdir({ to: {} })
    const sshd = await startSshd(dir, {
      config: 'MaxSessions 1\nAllowTcpForwarding yes\nListenAddress 127.0.0.2',
    })
    t.teardown(() => sshd.stop())
    const content = randomBytes(300_000)
    const file = join(dir, 'file')
    writeFileSync(file, content)
    const known = readFileSync(sshd.knownHosts, 'utf8')
    writeFileSync(sshd.knownHosts, known + known.replace('127.0.0.1', '127.0.0.2'))
    const config = join(dir, 'config')
    writeFileSync(config, `Host 127.0.0.1\n  ProxyJump root@127.0.0.2:${sshd.port}\n`)
    const jumping = { ...LIMITS, sshConfig: config }
    const jump = { useSshConfig: true, identityFiles: [sshd.key] }
    for (const [name, limits, changes] of [
      ['ssh2', LIMITS, { transport: 'ssh2' }],
      ['openssh', LIMITS, { transport: 'openssh' }],
      ['through a jump host', jumping, { transport: 'ssh2', ...jump }],
    ] as const) {
      const { session } = await openWith(limits, sshd.target(changes))
      const paths = [1, 2, 3].map(i => join(dir, 'to', `${name}-${i}`))
      await Promise.all(paths.map(path => session.upload(file, path)))
      for (const path of paths) {
        const put = `( set -e\n${resume(path)}\n${PUBLISH}\n)`
        t.same(await session.run(put), { code: 0, stdout: '', stderr: '' })
        t.ok(readFileSync(path).equals(content), path)
      }
      const slow = session.run('sleep 60; echo over')
      await session.interrupt()
      t.not((await slow).stdout, 'over\n', `${name}: the command is ended`)
      t.equal((await session.run('echo on')).stdout, 'on\n', `${name}: the session lives on`)
      session.close()
      const end = await runStreamed(
        sshd.target(changes),
        'sleep 60',
        { onOutput: () => undefined, timeoutMs: 500 },
        { ...limits, graceMs: 1000 },
      )
      t.equal(end.ended, 'timeout', `${name}: a streamed command is ended`)
    }
  },
)

void t.test('a host that opens no session is unreachable, and the error says why', async t => {
  const sshd = await startSshd(t.testdir(), { config: 'MaxSessions 0' })
  t.teardown(() => sshd.stop())
  await t.rejects(openSession(sshd.target({ transport: 'ssh2' })), {
    name: 'UnreachableError',
    message: /cannot start a process: .*open failed/,
  })
})
