import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, run } from '../rig/lab.ts'
import { startSshd } from '../ssh/rig.ts'

const BIN = join(ROOT, 'lib/bin.js')
/** The clipboard, a C1 control, DEL, a direction override, something invisible, a tag. */
const EVIL = '\u001b]52;c;cm0gLXJmIC8K\u0007\u009b2J\u007f\u202e\u200b\u{e0041}'
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u200b\u{e0041}]/u

const project = async (t: Test, config = '') => {
  const dir = t.testdir({})
  const sshd = await startSshd(dir, { config })
  t.teardown(() => sshd.stop())
  if (sshd.knownHosts !== join(dir, 'known_hosts'))
    copyFileSync(sshd.knownHosts, join(dir, 'known_hosts'))
  const inventory = join(dir, 'inventory.yaml')
  writeFileSync(
    inventory,
    `timezone: UTC
domain: print.internal
networks: {}
hosts:
  bad:
    os: debian 12
    ssh: { host: 127.0.0.1, port: ${sshd.port}, user: root, identity_file: ${sshd.key}, sudo: false }
`,
  )
  return (...args: string[]) =>
    run([process.execPath, BIN, ...args.slice(0, 1), '-i', inventory, ...args.slice(1)], {
      cwd: dir,
      env: { FMC_CACHE: join(dir, 'cache') },
    })
}

void t.test('a host’s output is cleaned before it reaches a terminal: fmc run', async t => {
  const fmc = await project(t)
  const words = ['bad', '--', 'sh', '-c', 'printf %s "$1"; printf %s "$1" >&2', 'sh', EVIL]
  const plain = await fmc('run', ...words)
  t.equal(plain.code, 0, plain.stderr)
  t.match(plain.stdout, /^bad \| \^\[\]52;c;cm0gLXJmIC8K\^G\\x9b2J\^\?/)
  t.match(plain.stderr, /^bad \| \^\[\]52;c;/)
  t.notMatch(plain.stdout + plain.stderr, RAW)
  const json = await fmc('run', '--output', 'json', ...words)
  t.notMatch(json.stdout, RAW)
  const [, line = ''] = json.stdout.split('\n')
  t.match(JSON.parse(line), { host: 'bad', code: 0, stdout: EVIL, stderr: EVIL })
})

void t.test('so are the errors of run and facts', async t => {
  const shell = `printf '%s\\n%s | exit 0\\n' '${EVIL}' other; printf '%s\\n' '${EVIL}' >&2; exit 1`
  const fmc = await project(t, `ForceCommand ${shell}`)
  for (const args of [
    ['run', 'bad', '--', 'true'],
    ['facts', 'bad'],
    ['facts', '--output', 'json', 'bad'],
  ]) {
    const { code, stdout, stderr } = await fmc(...args)
    t.not(code, 0)
    t.match(stderr, /52;c;cm0gLXJmIC8K/, 'the error quotes the host')
    t.notMatch(stdout + stderr, RAW, args.join(' '))
    t.notMatch(stderr, /^other \| exit 0/m, 'and no line of it passes for one of fmc')
  }
})

void t.test('so are texts from files and the command line', async t => {
  const dir = t.testdir({
    'inventory.yaml': `timezone: UTC\ndomain: a.internal\nnetworks: {}\nhosts:\n  a: { os: debian 12, ssh: { host: "x" }, vars: { v: "${EVIL.replace('\u001b', '\\e').replace('\u0007', '\\a').replace('\u009b', '\\x9b').replace('\u007f', '\\x7f')}" } }\n`,
    'bad.yaml': `timezone: UTC\n"\\e]52;c;x\\a\\u202e": 1\n`,
    'hosts.ini': `[web]\nweb1 "x${EVIL}=1"\n`,
    roles: {
      r: {
        'index.ts': `import { role, z } from 'fmc'\nexport default role({ name: 'r', summary: 'x\\u001b]52;c;x\\u0007\\u202e', vars: z.object({ a: z.string().default('y\\u009b2J').describe('z\\u001b[2J') }), async tasks() {}, handlers: {} })\n`,
        'README.md': `# r\n${EVIL}\n`,
      },
      throws: { 'index.ts': `throw new Error('\\u001b]52;c;x\\u0007')\n` },
    },
  })
  for (const args of [
    ['hosts', 'a'],
    ['hosts', '--json'],
    ['lint'],
    ['lint', '--json'],
    ['lint', '-i', 'bad.yaml'],
    ['doc'],
    ['doc', 'r'],
    ['doc', 'throws'],
    ['import', 'ansible', 'hosts.ini'],
    ['hosts', `x${EVIL}`],
    ['play', `x${EVIL}`],
    ['run', `x${EVIL}`, '--', 'true'],
    [`x${EVIL}`],
    ['lint', `--x${EVIL}`],
    ['lab', `x${EVIL}`],
    ['secrets', `x${EVIL}`],
    ['firewall', 'explain', `x${EVIL}`, 'a', '1'],
    ['lint', '-i', `x${EVIL}`],
  ]) {
    const { stdout, stderr } = await run([process.execPath, BIN, ...args], {
      cwd: dir,
      env: { FMC_CACHE: join(dir, 'cache') },
    })
    t.not(stdout + stderr, '', `${args[0] ?? ''} says something`)
    t.notMatch(stdout + stderr, RAW, args.join(' '))
  }
})
