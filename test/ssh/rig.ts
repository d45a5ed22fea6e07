import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import type { Target } from '../../lib/ssh/types.ts'

/** A private sshd on 127.0.0.1 with keys of its own. */
export interface Sshd {
  readonly port: number
  readonly dir: string
  readonly pid: number
  readonly key: string
  readonly knownHosts: string
  /** A target that logs in as root. */
  target(changes?: Partial<Target>): Target
  stop(): Promise<void>
}

const run = (command: string, ...args: string[]): string => {
  const done = spawnSync(command, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`)
  return done.stdout
}

export const keygen = (path: string, type = 'ed25519', ...more: string[]): string => {
  run('ssh-keygen', '-q', '-t', type, '-N', '', '-C', 'test', '-f', path, ...more)
  return path
}

/** The public key as known_hosts has it: type and base64. */
export const publicKey = (path: string): string =>
  readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')

const freePort = (): Promise<number> =>
  new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

const listening = async (port: number, child: ChildProcess): Promise<void> => {
  for (let i = 0; i < 1200; i++) {
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}`)
    const ok = await new Promise<boolean>(resolve => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (ok) return
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  throw new Error('sshd does not listen')
}

/** This machine's users, but root with sh: what a .bashrc here does is no matter of ours. */
export const passwd = (): string =>
  readFileSync('/etc/passwd', 'utf8').replace(/^(root:.*:)[^:]*$/m, '$1/bin/sh')

export interface SshdOptions {
  /** More lines for sshd_config. */
  readonly config?: string
  /** Shell lines that run in sshd's own mount namespace before it starts. */
  readonly prepare?: string
}

/** For `prepare`: a /run of its own, so that fmc's lock there is not the one of other tests that run at the same time. */
export const OWN_RUN = 'mount -t tmpfs -o mode=755 run /run; mkdir /run/sshd'

export const startSshd = async (
  dir: string,
  { config = '', prepare = '' }: SshdOptions = {},
): Promise<Sshd> => {
  mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const hostKey = keygen(join(dir, 'host'))
  const key = keygen(join(dir, 'id'))
  const file = join(dir, 'sshd_config')
  writeFileSync(join(dir, 'keys'), readFileSync(`${key}.pub`), { mode: 0o644 })
  writeFileSync(
    file,
    `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${hostKey}\nAuthorizedKeysFile ${join(dir, 'keys')}\n` +
      `StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n` +
      `MaxStartups 200\nLogLevel FATAL\n${config}\n`,
  )
  const knownHosts = join(dir, 'known_hosts')
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${publicKey(hostKey)}\n`)
  const sshd = `exec /usr/sbin/sshd -D -e -f ${file}`
  const users = join(dir, 'passwd')
  writeFileSync(users, passwd(), { mode: 0o644 })
  const script = `mount --bind ${users} /etc/passwd\n${prepare}\n${sshd}`
  const child = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-ec', script], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await listening(port, child)
  return {
    port,
    dir,
    pid: child.pid!,
    key,
    knownHosts,
    target: changes => ({
      name: 'node1',
      address: '127.0.0.1',
      port,
      user: 'root',
      sudo: false,
      identityFiles: [key],
      knownHostsFiles: [knownHosts],
      useSshConfig: false,
      ...changes,
    }),
    stop: () =>
      new Promise(resolve => {
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

/** Waits for something that must become true soon; throws if it does not within 30 s. */
export const until = async (condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${condition.toString()}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
