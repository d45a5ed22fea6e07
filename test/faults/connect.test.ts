import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { enterLab } from '../../lib/lab/enter.ts'
import { cut, heal } from '../../lib/lab/index.ts'
import { run } from '../rig/lab.ts'
import { until } from '../rig/until.ts'
import {
  BIN,
  HOSTS,
  inventoryText,
  project,
  soon,
  start,
  type Name,
  type Project,
} from './project.ts'

/** The inventory as for real hosts, a home with a known_hosts of its own, and fmc run with it where the hosts are. */
class Real {
  readonly #p: Project
  readonly ssh: string
  constructor(p: Project) {
    this.#p = p
    this.ssh = join(p.dir, 'ssh')
    mkdirSync(this.ssh, { recursive: true, mode: 0o700 })
  }

  /** OpenSSH and fmc find ~ in passwd and not in $HOME: the directory is laid over /root/.ssh for this process alone. */
  argv(file: string, args: readonly string[]): string[] {
    return enterLab(this.#p.rig.state, [
      ...['unshare', '-m', 'sh', '-c'],
      'mkdir -p -m 700 /root/.ssh && mount --bind "$0" /root/.ssh && exec "$@"',
      this.ssh,
      ...[process.execPath, BIN, ...args, '-i', file, '--output', 'json'],
    ])
  }

  get #env(): NodeJS.ProcessEnv {
    return { FMC_CACHE: join(this.#p.dir, 'cache'), SSH_AUTH_SOCK: undefined }
  }

  fmc(file: string, ...args: readonly string[]) {
    return start(this.argv(file, args), { env: this.#env, cwd: this.#p.dir }).end
  }

  /** On a terminal, where somebody types the password when asked for it. */
  async typing(password: string, file: string, ...args: readonly string[]) {
    const line = this.argv(file, args)
      .map(w => `'${w.replaceAll("'", `'\\''`)}'`)
      .join(' ')
    const running = start(['script', '-qec', line, '/dev/null'], {
      env: this.#env,
      cwd: this.#p.dir,
      keepStdin: true,
    })
    let over = false
    void running.end.then(() => (over = true))
    await soon(() => Promise.resolve(over || running.text().includes('sudo password: ')))
    running.type(`${password}\r`)
    const ran = await running.end
    return { ...ran, asked: ran.stdout.split('sudo password: ').length - 1 }
  }

  known(text: string): void {
    writeFileSync(join(this.ssh, 'known_hosts'), text)
  }
}

void t.test('hosts as they are reached in earnest', { timeout: 900_000 }, async t => {
  const p = await project(t, 'faults-connect')
  const real = new Real(p)
  const { identityFile, knownHostsFile } = p.rig.state.ssh
  const known = readFileSync(knownHostsFile, 'utf8')
  const lines = (...names: Name[]) =>
    known
      .split('\n')
      .filter(l => names.some(n => l.includes(HOSTS[n])))
      .join('\n') + '\n'
  p.role('touch', "    await file('/run/touched', { content: 'x\\n' })")
  const file = p.write(
    'real.yaml',
    inventoryText(() => [`ssh: { identity_file: ${identityFile} }`]),
  )

  await t.test('an unknown and a changed host key; accepted as the message says', async t => {
    const other = /^\S+ (\S+ \S+)/.exec(lines('c'))?.[1] ?? ''
    real.known(`${HOSTS.b} ${other}\n${lines('c')}`)
    const ran = await real.fmc(file, 'role', 'touch', 'all')
    t.equal(ran.code, 4)
    t.match(ran.recap, { ok: 0, changed: 1, failed: 0, unreachable: 2, exitCode: 4 })
    t.match(ran.changed, ['c file /run/touched'], 'the others are done')
    t.match(
      ran.failures['a'],
      /the host key of a \(192\.168\.0\.11:22\) is not known: ssh-ed25519 SHA256:/,
    )
    t.match(ran.failures['b'], /THE HOST KEY OF b \(192\.168\.0\.12:22\) HAS CHANGED/)
    t.notOk(await p.holds('a', 'test -e /run/touched'))

    const accept =
      /echo .* >>\/root\/\.ssh\/known_hosts(?= )/.exec(ran.failures['a'] ?? '')?.[0] ?? 'false'
    const accepted = await run(['sh', '-c', accept.replace('/root/.ssh', real.ssh)])
    t.equal(accepted.code, 0, accepted.stderr)
    const remove = /(ssh-keygen -f \S+ -R '\S+')/.exec(ran.failures['b'] ?? '')?.[1] ?? 'false'
    const removed = await run(['sh', '-c', remove.replace('/root/.ssh', real.ssh)])
    t.equal(removed.code, 0, removed.stderr)
    appendFileSync(join(real.ssh, 'known_hosts'), lines('b'))
    const again = await real.fmc(file, 'role', 'touch', 'all')
    t.equal(again.code, 0, JSON.stringify(again.failures))
    t.strictSame(again.changed.toSorted(), ['a file /run/touched', 'b file /run/touched'])
  })

  await t.test('sudo: right, wrong, none, not allowed, not needed', async t => {
    await Promise.all(
      (['a', 'b', 'c'] as const).map(host =>
        p.rig.text(
          host,
          `useradd -m -s /bin/bash ops && echo 'ops:Right;Horse $(x)' | chpasswd
          mkdir -m 700 ~ops/.ssh && cp /root/.ssh/authorized_keys ~ops/.ssh/ && chown -R ops: ~ops/.ssh
          ${{ a: "echo 'ops ALL=(ALL) ALL' >/etc/sudoers.d/ops", b: "echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops; mkdir -p /run/sshd; /usr/sbin/sshd -p 2222", c: ':' }[host]}
          rm -f /run/touched`,
        ),
      ),
    )
    // sshd goes into the background before it listens.
    await until(
      async () => (await p.rig.inLan('bash', '-c', `exec 3<>/dev/tcp/${HOSTS.b}/2222`)).code === 0,
      30,
      'b listens on port 2222',
    )
    real.known(lines('a', 'c') + lines('b').replaceAll(HOSTS.b, `[${HOSTS.b}]:2222`) + lines('b'))
    const port = (name: Name) => (name === 'b' ? ', port: 2222' : '')
    const ops = p.write(
      'ops.yaml',
      inventoryText(name => [`ssh: { user: ops, identity_file: ${identityFile}${port(name)} }`]),
    )
    const role = ['role', 'touch', 'all'] as const
    const nobody = await real.fmc(ops, ...role)
    t.equal(nobody.code, 4)
    t.match(nobody.failures, {
      a: /sudo for ops: it asks for a password, but none was given\ngive it with -K/,
      c: /sudo for ops: /,
    })
    t.strictSame(
      nobody.changed,
      ['b file /run/touched'],
      'sudo without a password, on another port',
    )

    const wrong = await real.typing('Wrong;Horse', ops, ...role, '-K')
    t.equal(wrong.asked, 1, 'asked once for all hosts')
    t.equal(wrong.code, 4)
    t.match(wrong.failures, {
      a: /sudo for ops: the password was not accepted/,
      c: /sudo for ops: (ops may not run a shell as root|the password was not accepted)/,
    })
    t.notMatch(wrong.stdout, /Wrong;Horse/, 'not echoed')

    const right = await real.typing('Right;Horse $(x)', ops, ...role, '-K')
    t.equal(right.asked, 1)
    t.equal(right.code, 4, 'c does not let ops become root')
    t.match(right.failures, { c: /sudo for ops: ops may not run a shell as root/ })
    t.strictSame(Object.keys(right.failures), ['c'])
    t.strictSame(right.changed, ['a file /run/touched'])
    t.equal(await p.rig.text('a', 'stat -c %U:%a /run/touched'), 'root:644')
    t.notMatch(right.stdout, /Right;Horse/)

    const needless = await real.fmc(ops, ...role, '-K', '--limit', 'b').catch(String)
    t.match(needless, { code: 1 }, '--limit belongs to play')
    const unasked = await real.fmc(ops, 'role', 'touch', 'b', '-K')
    t.match(unasked, { code: 0, changed: { length: 0 } }, 'no terminal is needed where nobody asks')
    const noTty = await start(['setsid', '-w', ...real.argv(ops, ['role', 'touch', 'a', '-K'])], {
      cwd: p.dir,
    }).end
    t.not(noTty.code, 0)
    t.match(noTty.failures['a'] ?? noTty.stderr, /there is no terminal/)
  })

  await t.test('nobody at the address, nobody at the port, no key that fits', async t => {
    real.known(known.replaceAll(HOSTS.c, `${HOSTS.c},192.168.0.99`))
    await p.rig.text('a', 'rm -f /run/touched')
    const nowhere = p.write(
      'nowhere.yaml',
      inventoryText(name => [
        `ssh: { identity_file: ${identityFile}${{ a: '', b: ', port: 9', c: ', host: 192.168.0.99' }[name]} }`,
      ]),
    )
    const ran = await real.fmc(nowhere, 'role', 'touch', 'all')
    t.equal(ran.code, 4)
    t.strictSame(ran.changed, ['a file /run/touched'])
    t.match(ran.failures, {
      b: 'cannot reach b (192.168.0.12:9): connection refused',
      c: /cannot reach c \(192\.168\.0\.99:22\): (no route to host|no answer|timed out)/,
    })
    t.ok(ran.seconds < 30, `${ran.seconds} s`)
    const keyless = p.write(
      'keyless.yaml',
      inventoryText(() => ['ssh: { identity_file: /nowhere }']),
    )
    const refused = await real.fmc(keyless, 'role', 'touch', 'a')
    t.equal(refused.code, 4)
    t.match(
      refused.failures['a'],
      /did not connect to a .*: it has no key to log in as root; tried \/nowhere \(cannot be read\)/,
    )
  })

  await t.test('a host that stops answering in the middle of a task', async t => {
    p.role(
      'long',
      `    if (host.name === 'b') await $\`touch /run/started; sleep 12; touch /run/finished\`
    await file('/run/late', { content: 'x\\n', notify: 'note' })`,
      { handlers: 'note: () => $`echo noted >>/run/notes`' },
    )
    const running = p.start('role', 'long', 'all')
    t.ok(await soon(() => p.holds('b', 'test -e /run/started')))
    await cut(p.rig.state, 'b')
    const ran = await running.end
    t.equal(ran.code, 4)
    t.match(ran.recap?.hosts, {
      a: { changed: 2 },
      b: { unreachable: 1, failed: 0 },
      c: { changed: 2 },
    })
    t.match(ran.failures['b'], /it stopped answering/)
    t.ok(ran.seconds < 60, `${ran.seconds} s`)
    await heal(p.rig.state, 'b')
    t.ok(await soon(() => p.holds('b', 'test -e /run/finished')), 'the command ran to its end')
    t.ok(await p.unlocked('b'), 'and the lock ended with it')
    const again = await p.fmc('role', 'long', 'a:c')
    t.match(again, { code: 0, changed: { length: 0 } })
  })
})
