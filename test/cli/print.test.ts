import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, run } from '../rig/lab.ts'
import { startSshd } from '../ssh/rig.ts'

const BIN = join(ROOT, 'lib/bin.js')
/** The clipboard, a C1 control, DEL, a direction override, something invisible, a tag. */
const EVIL = '\u001b]52;c;cm0gLXJmIC8K\u0007\u009b2J\u007f\u202e\u200b\u{e0041}'
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u200b\u{e0041}]/u

const project = async (t: Test, config = '', files = {}) => {
  const dir = t.testdir(files)
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
  const within = (env: Record<string, string>, ...args: string[]) =>
    run(
      [
        ...[process.execPath, BIN, ...args.slice(0, 1)],
        ...(args[0] === 'runs' ? [] : ['-i', inventory]),
        ...args.slice(1),
      ],
      { cwd: dir, env: { FMC_CACHE: join(dir, 'cache'), FMC_STATE: join(dir, 'state'), ...env } },
    )
  return Object.assign((...args: string[]) => within({}, ...args), { in: within })
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

/** What runners of CI systems obey, each as the whole line and behind other text. */
const COMMANDS = [
  '::set-output name=x::1',
  '##[add-path]/evil',
  '##vso[task.setvariable variable=x]1',
  "##teamcity[setParameter name='x' value='1']",
].flatMap(command => [command, `  ${command}`, `behind ${command}`])
const OBEYED = /^\s*::|##(vso|teamcity)?\[/im

void t.test('in a CI job nothing that a host prints is a command for the runner', async t => {
  const text = `${COMMANDS.join('\n')}\n`
  const role = `import { $, role, z } from 'fmc'
export default role({ name: 'r', summary: 'x', vars: z.object({}), async tasks() {
  await $({ name: 'fail' })\`printf %s \${${JSON.stringify(text)}}; exit 1\` } })
`
  const fmc = await project(t, '', { roles: { r: { 'index.ts': role } } })
  for (const job of ['GITHUB_ACTIONS', 'TF_BUILD', 'TEAMCITY_VERSION'])
    for (const args of [
      ['run', 'bad', '--', 'printf', '%s', text],
      ['role', 'r', 'bad', '--output', 'plain'],
      ['role', 'r', 'bad', '--output', 'tty'],
      ['role', 'r', 'bad', '--output', 'junit'],
      ['runs', 'replay', 'last'],
      ['run', '--output', 'json', 'bad', '--', 'printf', '%s', text],
      ['role', 'r', 'bad', '--output', 'json'],
      ['role', 'r', 'bad', '--output', 'sarif'],
    ]) {
      const { stdout, stderr } = await fmc.in({ [job]: '1' }, ...args)
      t.notMatch(stdout + stderr, OBEYED, `${job}: ${args.join(' ')}`)
      t.match(stdout + stderr, 'add-path]/evil', 'but people can read it')
    }
  const { stdout } = await fmc.in(
    { TF_BUILD: 'True' },
    'run',
    '--output',
    'json',
    'bad',
    '--',
    'printf',
    '%s',
    text,
  )
  t.match(JSON.parse(stdout.split('\n')[1] ?? ''), { stdout: text }, 'JSON means the same')
  const plain = await fmc('run', 'bad', '--', 'printf', '%s', text)
  t.match(plain.stdout, '| ##[add-path]/evil', 'elsewhere it is shown as it is')
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
