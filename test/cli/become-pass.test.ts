import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { quote, quoteAll } from '../../lib/shell/quote.ts'
import { passwd, startSshd } from '../ssh/rig.ts'

const PASSWORD = 'Horse;Staple$(x)9'
const BIN = join(import.meta.dirname, '../../lib/bin.js')

/** Runs fmc on a terminal and types the password when it is asked for. */
const typing = (args: readonly string[], stderr: string): Promise<string> =>
  new Promise(resolve => {
    const line = `${quoteAll(['node', BIN, ...args])} 2>${quote(stderr)}`
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let text = ''
    let typed = false
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (typed || !text.includes('sudo password: ')) return
      typed = true
      child.stdin.write(`${PASSWORD}\r`)
    })
    child.once('close', () => resolve(text))
  })

void t.test(
  'the password of -K is a secret: a host that tells it is not believed aloud',
  async t => {
    const dir = t.testdir()
    execFileSync('chmod', ['a+rx', dir])
    const etc = join(dir, 'etc')
    mkdirSync(etc)
    const file = (name: string, text: string, mode = 0o644): string => {
      writeFileSync(join(etc, name), text, { mode })
      return join(etc, name)
    }
    const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], {
      input: PASSWORD,
      encoding: 'utf8',
    }).trim()
    file('passwd', `${passwd()}asks:x:4000:0::/tmp:/bin/sh\n`)
    file('shadow', `${readFileSync('/etc/shadow', 'utf8')}asks:${hash}:19000:0:99999:7:::\n`, 0o600)
    file('sudoers', 'Defaults !syslog\nasks ALL=(ALL) ALL\n', 0o440)
    file('os-release', `ID=debian\nPRETTY_NAME="${PASSWORD}"\n`)
    const sshd = await startSshd(dir, {
      prepare: ['passwd', 'shadow', 'sudoers', 'os-release']
        .map(f => `mount --bind ${join(etc, f)} /etc/${f}`)
        .join('\n'),
    })
    t.teardown(() => sshd.stop())
    const inventory = join(dir, 'inventory.yaml')
    writeFileSync(
      inventory,
      `timezone: UTC
domain: test.internal
networks: { lan: { cidr: 127.0.0.0/24, mode: bridge, gateway: 127.0.0.254 } }
hosts:
  a: { os: debian 12, ssh: { user: asks, port: ${sshd.port}, identity_file: ${sshd.key} }, nics: [{ network: lan, address: 127.0.0.1 }] }
`,
    )
    const stderr = join(dir, 'stderr')
    const told = `p=${quote(PASSWORD)}; echo "$p"; printf %s "$p" | base64; echo "$p" >&2; exit 3`
    const rows: [what: string, args: string[], shown: RegExp][] = [
      ['run', ['run', 'all', '-K', '-i', inventory, '--', told], /a \| ‹secret›/],
      [
        'run, as JSON',
        ['run', 'all', '-K', '-i', inventory, '--output', 'json', '--', told],
        /"code":3,"seconds":[\d.]+,"stdout":"‹secret›/,
      ],
      ['facts', ['facts', 'all', '-K', '-i', inventory], /a +‹secret›, Linux/],
      [
        'facts, as JSON',
        ['facts', 'all', '-K', '-i', inventory, '--output', 'json'],
        /"PRETTY_NAME":"‹secret›"/,
      ],
    ]
    for (const [what, args, shown] of rows) {
      const text = (await typing(args, stderr)) + readFileSync(stderr, 'utf8')
      t.match(text, shown, what)
      t.notOk(text.includes(PASSWORD), `${what}: as it is`)
      t.notOk(
        text.includes(Buffer.from(PASSWORD).toString('base64').slice(0, 20)),
        `${what}: base64`,
      )
    }

    // Without a terminal. The name of the host stands before the message once, and the hint below it.
    const unasked = (...args: string[]): string =>
      spawnSync('setsid', ['--wait', 'node', BIN, ...args], {
        encoding: 'utf8',
        input: '',
      }).stderr
    const needed = /sudo for asks: it asks for a password, but none was given\n {2}give it with -K/
    t.match(unasked('facts', 'all', '-i', inventory), new RegExp(`^a: ${needed.source}`))
    t.match(
      unasked('run', 'all', '-i', inventory, '--', 'id'),
      new RegExp(`^a: unreachable: ${needed.source}`, 'm'),
    )
    for (const command of [
      ['facts', 'all', '-K'],
      ['logs', 'all', 'ssh', '-K'],
    ]) {
      const said = unasked(...command, '-i', inventory)
      t.match(
        said,
        /there is no terminal to ask for: sudo password\n {2}without a terminal, log in/,
      )
      t.notMatch(said, 'FMC_AGE')
    }
  },
)
