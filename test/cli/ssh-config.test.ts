import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from '../rig/lab.ts'
import { keygen, publicKey, startSshd } from '../ssh/rig.ts'

const BIN = join(ROOT, 'lib/bin.js')

void t.test(
  'what the inventory does not say is asked of ssh_config: run, hosts, facts, lint, play',
  async t => {
    const home = t.testdir({ '.ssh': {}, one: {}, quantum: {}, proxy: {} })
    const login = keygen(join(home, 'login'))
    const start = async (name: string, config = '') => {
      const sshd = await startSshd(join(home, name), { config })
      copyFileSync(`${login}.pub`, join(home, name, 'keys'))
      t.teardown(() => sshd.stop())
      return sshd
    }
    const one = await start('one', 'MaxSessions 1')
    const quantum = await start('quantum', 'KexAlgorithms sntrup761x25519-sha512@openssh.com')
    copyFileSync(login, join(home, '.ssh', '127.0.0.1_key'))
    writeFileSync(
      join(home, '.ssh', 'config'),
      `Host box
  Port ${one.port}
Host quantum proxied
  Port ${quantum.port}
  HostKeyAlias quantum
Host proxied
  ProxyCommand ${process.execPath} ${home}/proxy.cjs %h %p
Host *
  User root
  IdentityFile ~/.ssh/%h_key
`,
    )
    writeFileSync(
      join(home, '.ssh', 'known_hosts'),
      `[127.0.0.1]:${one.port} ${publicKey(join(home, 'one/host'))}\nquantum ${publicKey(join(home, 'quantum/host'))}\n`,
    )
    // ssh and fmc take the home directory from passwd.
    const passwd = join(home, 'passwd')
    writeFileSync(
      passwd,
      readFileSync('/etc/passwd', 'utf8').replace(/^(root:.*:)[^:]*:[^:]*$/m, `$1${home}:/bin/sh`),
      { mode: 0o644 },
    )
    writeFileSync(
      join(home, 'proxy.cjs'),
      `const s = require('net').connect(process.argv[3], process.argv[2]); process.stdin.pipe(s).pipe(process.stdout)`,
    )
    const write = (hosts: string): void => {
      writeFileSync(
        join(home, 'inventory.yaml'),
        `timezone: UTC\ndomain: ssh.internal\nnetworks: {}\nhosts:\n${hosts}`,
      )
    }
    const fmc = (...args: string[]) =>
      run(
        [
          ...['unshare', '-m', '--propagation', 'private', 'sh', '-ec'],
          ...['mount --bind "$1" /etc/passwd; shift; exec "$@"', 'sh', passwd],
          ...[process.execPath, BIN, ...args],
        ],
        { cwd: home, env: { FMC_CACHE: join(home, 'cache'), FMC_STATE: join(home, 'state') } },
      )
    const host = (name: string, more = ''): string =>
      `  ${name}:\n    os: debian 12\n    ssh: { host: 127.0.0.1${more} }\n`
    write(host('box') + host('quantum'))

    const ran = await fmc('run', 'all', '--', 'id', '-un')
    t.equal(ran.code, 0, ran.stderr)
    t.match(ran.stdout, /^box .*\| root$/m)
    t.match(ran.stdout, /^quantum .*\| root$/m)
    const notes = (text: string): string[] =>
      text.split('\n').filter(l => l.includes('with OpenSSH'))
    t.match(notes(ran.stderr), [
      /^fmc: fmc connects to quantum with OpenSSH, because ssh2 does not support any key exchange algorithm of the host/,
    ])
    t.match((await fmc('hosts', 'box')).stdout, `root, port ${one.port}`)
    t.match((await fmc('lint')).code, 0)

    const facts = await fmc('facts', 'all', '--output', 'json')
    t.equal(facts.code, 0, facts.stderr)
    const lines = facts.stdout
      .trim()
      .split('\n')
      .slice(1)
      .map(line => JSON.parse(line) as { host: string; ssh: unknown })
    t.match(
      new Map(lines.map(l => [l.host, l.ssh])),
      new Map([
        [
          'box',
          {
            transport: 'ssh2',
            kex: 'curve25519-sha256',
            hostKey: 'ssh-ed25519',
            cipher: /^aes128-gcm/,
          },
        ],
        [
          'quantum',
          { transport: 'openssh', why: /key exchange/, kex: /^sntrup761/, hostKey: 'ssh-ed25519' },
        ],
      ]),
    )
    const text = await fmc('facts', 'all')
    t.match(
      text.stdout,
      /^box .*; ssh2 \(curve25519-sha256, ssh-ed25519, aes128-gcm@openssh\.com\)$/m,
    )
    t.match(
      text.stdout,
      /^quantum .*; openssh, as ssh2 does not support any key exchange .* \(sntrup761/m,
    )

    // The inventory wins, and a name of ssh_config may be the address.
    write(
      host('box', `, port: ${quantum.port}, user: nobody`) +
        '  other:\n    os: debian 12\n    ssh: { host: box }\n',
    )
    const refused = await fmc('run', 'box', '--', 'id')
    t.equal(refused.code, 4)
    t.match(refused.stdout + refused.stderr, `127.0.0.1:${quantum.port}`)
    write('  other:\n    os: debian 12\n    ssh: { host: box, transport: ssh2 }\n')
    t.match((await fmc('hosts', 'other')).stdout, `root, port ${one.port}`)

    // An upload over a connection that takes one session.
    write(host('box'))
    writeFileSync(join(home, 'big'), randomBytes(3_000_000))
    const copied = await fmc('copy', 'big', `box:${home}/copied`)
    t.equal(copied.code, 0, copied.stdout + copied.stderr)
    t.ok(readFileSync(join(home, 'copied')).equals(readFileSync(join(home, 'big'))))

    // A run says once, in its report, that it takes OpenSSH, whatever the number of hosts and passes.
    write(host('proxied') + host('quantum') + host('box'))
    mkdirSync(join(home, 'roles/mine'), { recursive: true })
    writeFileSync(
      join(home, 'roles/mine/index.ts'),
      `import { file, host, role, z } from 'fmc'
export default role({
  name: 'mine', summary: 'of a test', vars: z.object({}),
  async tasks() { await file('${home}/made-' + host().name, { content: 'x' }) },
})
`,
    )
    // All are this machine, which has one lock; dry runs share it.
    const played = await fmc('role', 'mine', 'all', '--dry-run')
    t.equal(played.code, 0, played.stdout + played.stderr)
    t.equal(notes(played.stdout + played.stderr).length, 1)
    t.match(played.stdout, /proxied\s*: ok=0 +changed=1/)
    t.match(played.stdout, /quantum\s*: ok=0 +changed=1/)
  },
)
