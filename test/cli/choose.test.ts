// Options of `fmc play` and `fmc role` that choose and list, on hosts that nothing answers for.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import { openRecorder, type RunStart } from '../../lib/record/index.ts'
import { ROOT, run } from '../rig/lab.ts'

const BIN = join(ROOT, 'lib/bin.js')

const project = (t: Test) => {
  const dir = t.testdir({
    'inventory.yaml': `timezone: UTC
domain: choose.internal
networks: {}
groups: { web: { hosts: [web1, web2, web3] }, dbs: { hosts: [db1] } }
hosts:
${['web1', 'web2', 'web3', 'db1'].map(h => `  ${h}: { os: debian 12, ssh: { host: 127.0.0.1, port: 1 } }\n`).join('')}`,
    playbooks: {
      'mine.ts': `import { $, play, playbook } from 'fmc'
import motd from '../roles/motd/index.ts'
import db from '../roles/db/index.ts'
export default playbook('mine', [
  play('Web', { hosts: 'web', roles: [motd], tags: ['front'] }),
  play('Database', { hosts: 'dbs', roles: [motd, db], tags: ['back'] }),
])
`,
      'sure.ts': `import { play, playbook } from 'fmc'
import motd from '../roles/motd/index.ts'
export default playbook('sure', [play('Web', { hosts: 'web', roles: [motd] })], { confirm: () => ({ question: 'Sure?', answer: 'sure' }) })
`,
    },
    roles: {
      motd: {
        'index.ts':
          "import { role, z } from 'fmc'\nexport default role({ name: 'motd', summary: 's', vars: z.object({ motd_text: z.string().default('') }), async tasks() {} })\n",
      },
      db: {
        'index.ts':
          "import { role, z } from 'fmc'\nexport default role({ name: 'db', summary: 's', vars: z.object({ db_size: z.number().default(1) }), async tasks() {} })\n",
      },
      other: {
        'index.ts':
          "import { role, z } from 'fmc'\nexport default role({ name: 'other', summary: 's', vars: z.object({ other_name: z.string().default('') }), async tasks() {} })\n",
      },
    },
    'hosts.txt': '# the first two\nweb[0:1]\n\n  db1\n!web2\n',
    'wrong.txt': 'web1\nwbe\n',
    'a,b': 'web3\n',
    'vars.yaml': 'motd_text: hello\nother_name: x\n',
    'typo.yaml': 'motd_text: hello\n\nohter_name: x\n',
  })
  const state = join(dir, 'state')
  const fmc = (...args: readonly string[]) =>
    run([process.execPath, BIN, ...args], {
      cwd: dir,
      env: { FMC_CACHE: join(ROOT, '.tap/cache'), FMC_STATE: state },
    })
  const runs = join(state, 'fmc/runs')
  /** Records a run in which these hosts failed. */
  const record = (failed: readonly string[], more: Partial<RunStart> = {}, exitCode = 2): void => {
    const start = { command: 'play mine', argv: ['play', 'mine'], dryRun: false, readOnly: false }
    const recorder = openRecorder(
      runs,
      { ...start, lab: false, inventory: join(dir, 'inventory.yaml'), ...more },
      text => t.fail(text),
    )
    recorder.on({ type: 'version', fmc: '1', contract: 1 })
    for (const host of failed)
      recorder.on({ type: 'host', host, state: 'failed', failure: { message: 'm' } })
    recorder.end(exitCode)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
  }
  return { dir, fmc, record }
}

void t.test('--list-hosts and --list-tags connect to no host', async t => {
  const { fmc } = project(t)
  t.same(await fmc('play', 'mine', '--list-hosts'), {
    code: 0,
    stdout:
      'Web\n  3 hosts: web1 web2 web3\nDatabase\n  1 host: db1\n\n4 hosts: web1 web2 web3 db1\n',
    stderr: '',
  })
  t.same(await fmc('play', 'mine', '--list-tags', '--limit', 'db1'), {
    code: 0,
    stdout: 'Database\n  tags: back motd db\n\ntags: back motd db\n',
    stderr: '',
  })
  const { stdout } = await fmc('role', 'motd', 'web1', '--list-hosts', '--output', 'json')
  t.match(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as unknown),
    [
      { type: 'version', contract: 1 },
      { type: 'play', play: 'motd', hosts: ['web1'], roles: ['motd'] },
    ],
  )
})

void t.test('--list-tasks: a plan, whose failures are told', async t => {
  const { fmc } = project(t)
  const { code, stdout, stderr } = await fmc('play', 'mine', '--list-tasks')
  t.equal(code, 4)
  t.equal(stdout, 'Web: web1 web2 web3\n  motd\nDatabase: db1\n  motd\n  db\n')
  t.match(stderr, /^web1: .*127\.0\.0\.1/m)
})

void t.test('repeated -l and -t add up, also with exclusions', async t => {
  const { fmc } = project(t)
  const hosts = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await fmc('play', 'mine', '--list-hosts', ...args)
    return stdout.trimEnd().split('\n').at(-1)?.replace(/^.*: /, '') ?? stderr
  }
  t.equal(await hosts('-l', 'web1', '-l', 'db1'), 'web1 db1')
  t.equal(await hosts('-l', 'web', '-l', '!web2'), 'web1 web3')
  t.equal(await hosts('-l', 'all', '--limit', '&dbs'), 'db1')
  t.equal(await hosts('-t', 'front', '-t', 'db'), 'web1 web2 web3 db1')
  t.equal(await hosts('-t', 'front,back', '--skip-tags', 'front', '--skip-tags', 'db'), 'db1')
  t.equal(await hosts('-l', '@hosts.txt'), 'web1 db1')
  t.equal(await hosts('-l', 'web', '-l', '!@hosts.txt'), 'web2 web3')
  t.equal(await hosts('-l', '@a,b'), 'web3')
})

void t.test('--limit @failed', async t => {
  const { dir, fmc, record } = project(t)
  const hosts = (...args: string[]) => fmc('play', 'mine', '--list-hosts', ...args)
  t.match(await hosts('-l', '@failed'), {
    code: 1,
    stderr: /there is no record of a run of fmc play mine with .*inventory\.yaml/,
  })
  record(['web1'])
  record(['web2', 'db1', 'gone'])
  record(['web3'], { dryRun: true })
  record(['web3'], { command: 'play other' })
  record(['web3'], { inventory: join(dir, 'other.yaml') })
  t.match(await hosts('-l', '@failed'), { code: 0, stdout: /\n2 hosts: web2 db1\n$/ })
  t.match(await hosts('-l', 'web:&@failed'), { code: 0, stdout: /\n1 host: web2\n$/ })
  t.match(await hosts('-l', 'all,!@failed'), { code: 0, stdout: /\n2 hosts: web1 web3\n$/ })
  record([], {}, 0)
  t.match(await hosts('-l', '@failed'), { code: 1, stderr: /in the last run .* no host failed\n/ })
  record([], {}, 130)
  t.match(await hosts('-l', '@failed'), {
    code: 1,
    stderr: /no host failed, but it was interrupted/,
  })
  record(['gone'])
  t.match(await hosts('-l', '@failed'), { code: 1, stderr: /no longer in the inventory: gone/ })
})

void t.test(
  'wrong names and values: exit code 1, the nearest name, and nothing is recorded',
  async t => {
    const { fmc } = project(t)
    const secret = 'hunter2x'
    for (const [args, stderr] of [
      [['-l', 'wbe1'], /no host or group is called wbe1\n {2}did you mean web1\?/],
      [
        ['-l', '@wrong.txt'],
        /wrong\.txt:2: no host or group is called wbe\n {2}did you mean web\?/,
      ],
      [['-l', '@none.txt'], /--limit @none\.txt: cannot read the file: ENOENT/],
      [['-l', 'web1', '-l', '!web1'], /--limit web1 --limit !web1 matches no host/],
      [['-t', 'frnt'], /the playbook mine has no tag frnt\n {2}did you mean front\?/],
      [['--skip-tags', 'front,bakc'], /the playbook mine has no tag bakc\n {2}did you mean back\?/],
      [['--role', 'mtd'], /the playbook mine has no role mtd\n {2}did you mean motd\?/],
      [['--start-at', 'mtd/file x'], /the playbook mine has no role mtd\n {2}did you mean motd\?/],
      [['--forks', '5', '--forks=6'], /--forks is given twice, with different values\n/],
      [['-i', 'inventory.yaml', '-i', 'x.yaml'], /--inventory is given twice/],
      [['--identity', secret, '--identity', 'b'], /--identity is given twice/],
      [['--step'], /--step needs a terminal/],
      [['--step', '--dry-run'], /--step asks before changes, and a dry run makes none/],
      [['--list-host'], /unknown option '--list-host'\n.*--list-hosts/],
      [
        ['-e', 'motd_txt=x'],
        /^fmc: -e: no role of mine has a variable motd_txt\n {2}did you mean motd_text\?\n$/,
      ],
      [
        ['-e', 'other_name=x'],
        /-e: no role of mine has a variable other_name\n {2}it belongs to the role other/,
      ],
      [
        ['-e', '{motd_text: a, db_sise: 2}'],
        /no role of mine has a variable db_sise\n {2}did you mean db_size/,
      ],
      [['-e', 'confirm=x'], /no role of mine has a variable confirm/],
      [
        ['-e', '@typo.yaml'],
        /^fmc: typo\.yaml:3:1: no role of this project has a variable ohter_name\n {2}did you mean other_name\?\n$/,
      ],
    ] as const) {
      const found = await fmc('play', 'mine', ...args)
      t.match(found, { code: 1, stdout: '', stderr }, args.join(' '))
      t.notMatch(found.stderr, secret)
    }
    for (const args of [
      ['--forks', '5', '--forks', '5'],
      ['-e', '@vars.yaml', '-e', 'motd_text=y', '-e', 'db_size=2'],
    ])
      t.match(await fmc('play', 'mine', '--list-hosts', ...args), { code: 0, stderr: '' })
    t.match(await fmc('play', 'sure', '--list-hosts', '-e', 'confirm=sure'), {
      code: 0,
      stderr: '',
    })
    t.match(await fmc('role', 'motd', 'web', '-e', 'db_size=1'), {
      code: 1,
      stderr: /no role of role motd/,
    })
  },
)

void t.test('--step asks on a terminal, and stops at Ctrl-C and at the end of input', async t => {
  const dir = t.testdir()
  const bundle = join(dir, 'step.mjs')
  await build({
    entryPoints: [join(ROOT, 'lib/cli/step.ts')],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  })
  const program = join(dir, 'ask.mjs')
  writeFileSync(
    program,
    `import { stepper } from ${JSON.stringify(bundle)}
const stop = new AbortController()
process.on('SIGINT', () => stop.abort())
const confirm = stepper(stop.signal)
const answers = await Promise.all(['a', 'b', 'c', 'd'].map(host => confirm('Web', host)))
process.stdout.write('RESULT ' + answers.map(Number).join('') + (stop.signal.aborted ? ' stopped' : '') + '\\n')
`,
  )
  /** Types the next keys whenever there is a new question. */
  const type = (...keys: string[]): Promise<string> =>
    new Promise((done, fail) => {
      const child = spawn('script', ['-qec', `${process.execPath} ${program}`, '/dev/null'])
      let text = ''
      let answered = 0
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more
        const questions = text.split('without asking:').length - 1
        while (answered < questions) child.stdin.write(keys[answered++] ?? '\x03')
      })
      child.on('error', fail)
      child.on('close', () => done(/RESULT (.*?)\r?\n/.exec(text)?.[1] ?? text))
    })
  t.equal(await type('y\r', 'n\r', 'yes\r', 'x\r', 'c\r'), '1011')
  t.equal(await type('y\r', 'c\r'), '1111')
  t.equal(await type('y\r', '\x03'), '1000 stopped')
  t.equal(await type('y\r', '\x04', '\r', 'n\r'), '1000')
})
