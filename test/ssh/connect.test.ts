import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { openSession, openWith } from '../../lib/ssh/index.ts'
import { LIMITS } from '../../lib/ssh/link.ts'
import type { Target } from '../../lib/ssh/types.ts'
import { keygen, publicKey, startSshd, until } from './rig.ts'

const failure = (target: Target): Promise<Error & { hint?: string }> =>
  openSession(target).then(
    ({ session }) => {
      session.close()
      throw new Error('it opened')
    },
    (error: unknown) => error as Error,
  )

const works = async (target: Target, limits = LIMITS): Promise<string> => {
  const { session } = await openWith(limits, target)
  const { stdout } = await session.run('printf %s "$HOME"')
  session.close()
  return stdout
}

/** Until this process has no connection to a jump host: one is shared while it is open. */
const jumpsClosed = (): Promise<void> => {
  const node = process as unknown as { _getActiveHandles(): net.Socket[] }
  return until(
    () => !node._getActiveHandles().some(h => /^127\.0\.0\.[23]$/.test(h.remoteAddress ?? '')),
  )
}

for (const transport of ['ssh2', 'openssh'] as const) {
  void t.test(`${transport}: whom we trust and who trusts us`, async t => {
    const dir = t.testdir()
    const rsa = keygen(join(dir, 'rsa'), 'rsa')
    const sshd = await startSshd(dir, { config: `HostKey ${rsa}` })
    t.teardown(() => sshd.stop())
    const name = `[127.0.0.1]:${sshd.port}`
    const ed = publicKey(join(dir, 'host'))
    const shown =
      execFileSync('ssh-keygen', ['-lf', join(dir, 'host')], { encoding: 'utf8' }).split(' ')[1] ??
      '?'
    const other = keygen(join(dir, 'other'))
    let n = 0
    const known = (text: string, more: Partial<Target> = {}): Target => {
      const file = join(dir, `known-${transport}-${n++}`)
      writeFileSync(file, text)
      return sshd.target({ transport, knownHostsFiles: [file], ...more })
    }

    await t.test('a known host, in every notation of known_hosts', async t => {
      const hashed = join(dir, `hashed-${transport}`)
      writeFileSync(hashed, `${name} ${ed}\n`)
      execFileSync('ssh-keygen', ['-q', '-H', '-f', hashed], { stdio: 'ignore' })
      t.equal(await works(sshd.target({ transport, knownHostsFiles: [hashed] })), '/root')
      t.equal(await works(known(`[127.*]:* ${ed}\n`)), '/root')
      t.equal(await works(known(`${name} ${publicKey(rsa)}\n`)), '/root', 'by its RSA key alone')
    })

    await t.test('an unknown host: the error has the fingerprint and the line to add', async t => {
      const error = await failure(known(''))
      t.match(error, { name: 'UnreachableError', exitCode: 4 })
      t.match(error.message, /not known: /)
      t.match(error.message, shown)
      t.match(error.hint, `${name} ${ed}`)
      t.match(await failure(known('', { knownHostsFiles: [join(dir, 'none')] })), {
        message: /not known/,
      })
    })

    await t.test('a changed key: the error names the place of the known key', async t => {
      const target = known(`# first\n${name} ${publicKey(other)}\n`)
      const error = await failure(target)
      t.match(error, { name: 'UnreachableError' })
      t.match(error.message, /HAS CHANGED/)
      t.match(error.message, `${target.knownHostsFiles?.[0] ?? ''}:2`)
      t.match(error.hint, /ssh-keygen .*-R/)
    })

    await t.test('a revoked key is refused', async t => {
      t.match(await failure(known(`@revoked * ${ed}\n${name} ${ed}\n`)), { message: /revoked/ })
    })

    await t.test('a refused login: the error lists what was tried', async t => {
      const error = await failure(sshd.target({ transport, identityFiles: [other] }))
      t.match(error, { name: 'UnreachableError' })
      t.match(error.message, /refused the login of root: tried /)
      t.match(error.message, other)
    })

    await t.test('like ssh, fmc does not use a private key that other users may read', async t => {
      const wide = join(dir, `wide '${transport}`)
      copyFileSync(sshd.key, wide)
      for (const mode of [0o644, 0o640, 0o604, 0o660, 0o610]) {
        chmodSync(wide, mode)
        const link = join(dir, `link-${transport}-${mode.toString(8)}`)
        symlinkSync(wide, link)
        // A link for each mode: a key is read once per process.
        const error = await failure(sshd.target({ transport, identityFiles: [link] }))
        t.match(error, { name: 'UnreachableError' })
        t.ok(
          error.message.includes(
            `${link} (not used: other users may read it, mode 0${mode.toString(8)})`,
          ),
        )
        t.equal(error.hint, `chmod 600 ${link}`)
      }
      chmodSync(wide, 0o600)
      t.equal(await works(sshd.target({ transport, identityFiles: [wide] })), '/root')
      chownSync(wide, 65534, 0)
      chmodSync(wide, 0o644)
      const others = join(dir, `others-${transport}`)
      symlinkSync(wide, others)
      t.equal(
        await works(sshd.target({ transport, identityFiles: [others] })),
        '/root',
        'whose it is, he must see to himself',
      )
    })

    await t.test('a port that refuses, stays silent or closes', async t => {
      t.match(await failure(sshd.target({ transport, port: 1 })), {
        name: 'UnreachableError',
        message: /127\.0\.0\.1:1.*refused/i,
      })
      const silent = net.createServer(s => s.on('error', () => undefined)).listen(0, '127.0.0.1')
      await until(() => silent.listening)
      t.teardown(() => silent.close())
      const { port } = silent.address() as net.AddressInfo
      const started = Date.now()
      t.match(await failure(sshd.target({ transport, port, connectTimeoutMs: 1000 })), {
        name: 'UnreachableError',
        message: new RegExp(String(port)),
      })
      t.ok(Date.now() - started < LIMITS.connectMs, 'its own limit counts')
      const closing = net.createServer(s => s.destroy()).listen(0, '127.0.0.1')
      await until(() => closing.listening)
      t.teardown(() => closing.close())
      t.match(
        await failure(
          sshd.target({ transport, port: (closing.address() as net.AddressInfo).port }),
        ),
        { name: 'UnreachableError' },
      )
    })
  })
}

void t.test('settings of ssh_config', async t => {
  const dir = t.testdir()
  const ca = keygen(join(dir, 'ca'))
  const sshd = await startSshd(dir, {
    config: `TrustedUserCAKeys ${ca}.pub\nAllowTcpForwarding yes\nListenAddress 127.0.0.2\nListenAddress 127.0.0.3`,
  })
  t.teardown(() => sshd.stop())
  const config = (text: string): typeof LIMITS => {
    const file = join(dir, `config-${Math.random()}`)
    writeFileSync(
      file,
      `${text}\nHost *\n  UserKnownHostsFile ${sshd.knownHosts}\n  IdentityFile ${sshd.key}\n`,
    )
    return { ...LIMITS, sshConfig: file }
  }
  const { port } = sshd
  const bare: Target = { name: 'n', address: '127.0.0.1', port, user: 'root', sudo: false }

  await t.test('identity and known hosts from ssh_config', async t => {
    t.equal(await works(bare, config('')), '/root')
    t.equal(
      await works({ ...bare, address: 'alias' }, config('Host alias\n  HostName 127.0.0.1')),
      '/root',
    )
  })

  await t.test('ProxyJump, one and two hops, several at once', async t => {
    const host = publicKey(join(dir, 'host'))
    writeFileSync(sshd.knownHosts, [1, 2, 3].map(i => `[127.0.0.${i}]:${port} ${host}\n`).join(''))
    const one = config(`Host alias\n  HostName 127.0.0.1\n  ProxyJump root@127.0.0.2:${port}`)
    const two = config(
      `Host alias\n  HostName 127.0.0.1\n  ProxyJump root@127.0.0.2:${port},hop\nHost hop\n  HostName 127.0.0.3\n  User root\n  Port ${port}`,
    )
    for (const transport of ['ssh2', 'openssh'] as const) {
      const target: Target = { ...bare, address: 'alias', transport }
      t.same(
        await Promise.all([1, 2, 3].map(() => works(target, one))),
        ['/root', '/root', '/root'],
        transport,
      )
      t.equal(await works(target, two), '/root', `${transport}, two hops`)
      await t.rejects(openWith(one, { ...target, port: 1 }), { name: 'UnreachableError' })
    }
  })

  await t.test(
    'a jump host is as strict as the target, whatever the configuration says',
    async t => {
      const host = publicKey(join(dir, 'host'))
      const other = publicKey(keygen(join(dir, 'not-the-host')))
      const line = (i: number, key = host): string => `[127.0.0.${i}]:${port} ${key}\n`
      const lax =
        'Host *\n  StrictHostKeyChecking no\n  UpdateHostKeys yes\n  BatchMode no\n  PermitLocalCommand yes\n'
      const hops = {
        one: `Host alias\n  HostName 127.0.0.1\n  ProxyJump root@127.0.0.2:${port}\n${lax}`,
        second: `Host alias\n  HostName 127.0.0.1\n  ProxyJump root@127.0.0.3:${port},root@127.0.0.2:${port}\n${lax}`,
        nested: `Host alias\n  HostName 127.0.0.1\n  ProxyJump hop\nHost hop\n  HostName 127.0.0.3\n  User root\n  Port ${port}\n  ProxyJump root@127.0.0.2:${port}\n${lax}`,
      }
      for (const [name, text] of Object.entries(hops)) {
        const errors: string[] = []
        for (const transport of ['ssh2', 'openssh'] as const) {
          const target: Target = { ...bare, address: 'alias', transport }
          const limits = config(text)
          const tried = (): Promise<Error & { hint?: string }> =>
            works(target, limits).then(
              () => new Error('it opened'),
              (e: unknown) => e as Error,
            )
          writeFileSync(sshd.knownHosts, line(1) + line(2) + line(3))
          t.equal(await works(target, limits), '/root', `${name} over ${transport}: known`)
          await jumpsClosed()
          writeFileSync(sshd.knownHosts, line(1) + line(3))
          const unknown = await tried()
          t.match(unknown, {
            name: 'UnreachableError',
            message: /the host key of jump host 127\.0\.0\.2 .* is not (known|trusted): /,
          })
          await jumpsClosed()
          writeFileSync(sshd.knownHosts, line(1) + line(2, other) + line(3))
          const changed = await tried()
          t.match(changed, { name: 'UnreachableError', message: /jump host 127\.0\.0\.2/ })
          t.match(changed.message, /HAS CHANGED/)
          errors.push(
            unknown.message + (unknown.hint ?? '') + changed.message + (changed.hint ?? ''),
          )
        }
        // Only a host that this machine can reach by itself is asked for its key once more.
        if (name !== 'second') t.equal(errors[0], errors[1], `${name}: the same errors`)
      }
      writeFileSync(sshd.knownHosts, line(1) + line(2) + line(3))
    },
  )

  await t.test('fmc chooses OpenSSH for ProxyCommand', async t => {
    const proxy =
      config('Host alias\n  HostName 127.0.0.1\n  ProxyCommand ssh-proxy-test %h %p').sshConfig ??
      ''
    const script = join(dir, 'proxy.cjs')
    writeFileSync(
      script,
      `#!/usr/bin/env node\nconst s=require('net').connect(process.argv[3],process.argv[2]);process.stdin.pipe(s).pipe(process.stdout)\n`,
      { mode: 0o755 },
    )
    writeFileSync(
      proxy,
      `Host alias\n  HostName 127.0.0.1\n  ProxyCommand ${script} %h %p\nHost *\n  UserKnownHostsFile ${sshd.knownHosts}\n  IdentityFile ${sshd.key}\n`,
    )
    const target: Target = { ...bare, address: 'alias' }
    t.equal(await works(target, { ...LIMITS, sshConfig: proxy }), '/root')
    await t.rejects(openWith({ ...LIMITS, sshConfig: proxy }, { ...target, transport: 'ssh2' }), {
      message: /ProxyCommand/,
    })
  })

  await t.test('fmc chooses OpenSSH for a user certificate', async t => {
    const id = keygen(join(dir, 'certified'))
    execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'test', '-n', 'root', `${id}.pub`], {
      stdio: 'ignore',
    })
    const target = sshd.target({ identityFiles: [id] })
    t.equal(await works(target), '/root')
    await t.rejects(openSession({ ...target, transport: 'ssh2' }), { message: /certificate/ })
  })

  await t.test('an agent, and keys that only it can use', async t => {
    const agentDir = join(dir, 'agent')
    mkdirSync(agentDir)
    const socket = join(agentDir, 's')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    t.teardown(() => void agent.kill())
    await until(() => {
      try {
        execFileSync('ssh-add', ['-q', sshd.key], {
          env: { ...process.env, SSH_AUTH_SOCK: socket },
          stdio: 'ignore',
        })
        return true
      } catch {
        return false
      }
    })
    const locked = keygen(join(dir, 'locked'), 'ed25519')
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'geheim', '-f', locked], {
      stdio: 'ignore',
    })
    t.match(await failure(sshd.target({ identityFiles: [locked] })), {
      message: /locked \(encrypted/,
    })
    process.env.SSH_AUTH_SOCK = socket
    t.teardown(() => delete process.env.SSH_AUTH_SOCK)
    t.equal(await works(sshd.target({ identityFiles: [locked] })), '/root')
    const only = config(`IdentitiesOnly yes\nIdentityFile ${locked}`)
    writeFileSync(
      only.sshConfig ?? '',
      `Host *\n  IdentitiesOnly yes\n  IdentityFile ${locked}\n  UserKnownHostsFile ${sshd.knownHosts}\n`,
    )
    await t.rejects(openWith(only, bare), { message: /refused the login/ })
  })
})
