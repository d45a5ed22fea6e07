// Help, examples, `fmc explain`, the manual page, suggestions, and the version line of every command's JSON.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import t from 'tap'
import { splitLine } from '../../lib/cli/complete/line.ts'
import { treeOf, type CommandTree } from '../../lib/cli/complete/tree.ts'
import { ERRORS } from '../../lib/cli/explain/errors.ts'
import { explain } from '../../lib/cli/explain/explain.ts'
import { EXIT_CODES, WORDS } from '../../lib/cli/explain/words.ts'
import { manPage } from '../../lib/cli/man.ts'
import { EXIT } from '../../lib/errors.ts'
import { ROOT, run } from '../rig/lab.ts'

// The bundle has it from package.json.
Object.assign(globalThis, { FMC_VERSION: '9.9.9' })
const { build } = await import('../../lib/cli/main.ts')

const program = (): Command => build(() => Promise.resolve())
const fmc = (...args: readonly string[]) =>
  run([process.execPath, join(ROOT, 'lib/bin.js'), ...args], {
    env: { FMC_CACHE: join(ROOT, '.tap/cache') },
  })

interface Leaf {
  readonly path: string
  readonly command: CommandTree
}
const leaves = (command: CommandTree, path: readonly string[] = []): Leaf[] =>
  command.commands.length === 0
    ? [{ path: path.join(' '), command }]
    : command.commands.flatMap(c => leaves(c, [...path, c.name]))

/** The words after "fmc" in a line that may be a pipeline. */
const wordsOf = (line: string): string[] => {
  const part = line.split(/ \| /).find(p => /^(sudo )?fmc /.test(p)) ?? ''
  return splitLine(part.replace(/^sudo /, '')).words.slice(1)
}

void t.test('every command has two examples, which the program itself accepts', async t => {
  for (const { path, command } of leaves(treeOf(program()))) {
    t.ok(command.examples.length >= 2, `${path} has ${command.examples.length} examples`)
    for (const line of command.examples) {
      const words = wordsOf(line)
      t.equal(words.slice(0, path.split(' ').length).join(' '), path, line)
      const parsed = program()
      let called = 0
      const stub = (c: Command): void => {
        c.exitOverride()
        if (c.commands.length === 0)
          c.action(() => {
            called++
          })
        c.commands.forEach(stub)
      }
      stub(parsed)
      await parsed.parseAsync(words, { from: 'user' })
      t.equal(called, 1, line)
    }
  }
})

void t.test('fmc help takes the words of an inner command', async t => {
  const [help, own] = [await fmc('help', 'runs', 'report'), await fmc('runs', 'report', '--help')]
  t.same([help.code, help.stdout], [0, own.stdout], help.stderr)
  t.match(own.stdout, 'fmc runs report [options] <run>')
})

void t.test('the harmless examples work in this project', async t => {
  const harmless = new Set([
    'hosts',
    'lint',
    'list',
    'doc',
    'firewall explain',
    'firewall rules',
    'completion',
    'explain',
    'man',
  ])
  for (const { path, command } of leaves(treeOf(program())))
    if (harmless.delete(path))
      for (const line of command.examples) {
        const { code, stdout, stderr } = await fmc(...wordsOf(line))
        t.equal(code, 0, `${line}: ${stderr}`)
        t.not(stdout, '', line)
        if (line.endsWith('--output json'))
          t.match(JSON.parse(stdout.split('\n')[0] ?? ''), { type: 'version', contract: 1 }, line)
      }
  t.same([...harmless], [], 'all were found')
})

void t.test('JSON of commands without such an example', async t => {
  for (const args of [['doc'], ['doc', 'nfs'], ['explain', 'gate'], ['explain']]) {
    const { stdout } = await fmc(...args, '--output', 'json')
    const [first, ...rest] = stdout
      .trimEnd()
      .split('\n')
      .map(l => JSON.parse(l) as unknown)
    t.match(first, { type: 'version', contract: 1 }, args.join(' '))
    t.ok(rest.length > 0)
  }
})

void t.test('help fits a terminal of 80 columns', async t => {
  const paths = ['', 'lab', 'secrets', ...leaves(treeOf(program())).map(({ path }) => path)]
  for (const path of paths) {
    const { stdout } = await fmc(...path.split(' ').filter(Boolean), '--help')
    const wide = stdout.split('\n').filter(line => line.length > 80)
    t.same(wide, [], `fmc ${path} --help`)
  }
})

void t.test('help is grouped by purpose', async t => {
  const { stdout } = await fmc('--help')
  const groups = [
    'Change hosts:',
    'Look at hosts:',
    'Look at runs:',
    'Look at the project:',
    'Rehearse:',
    'Secrets and keys:',
    'Learn fmc:',
  ]
  const places = groups.map(g => stdout.indexOf(`\n${g}\n`))
  t.ok(
    places.every(p => p > 0),
    JSON.stringify(places),
  )
  t.same(
    places.toSorted((a, b) => a - b),
    places,
  )
})

void t.test('an unknown command, verb or option: exit code 1 and the nearest', async t => {
  for (const [args, near] of [
    [['plya'], 'play'],
    [['plya', '--help'], 'play'],
    [['help', 'plya', 'site'], 'play'],
    [['firewall', 'explian', '--help'], 'explain'],
    [['hsots'], 'hosts'],
    [['play', 'site', '--dry-rnu'], '--dry-run'],
    [['hosts', '--outptu', 'json'], '--output'],
    [['firewall', 'explian'], 'explain'],
    [['wireguard', 'clietn'], 'client'],
    [['lab', 'statsu'], 'status'],
    [['secrets', 'inti'], 'init'],
    [['explain', 'gaet'], 'gate'],
    [['doc', 'nsf'], 'nfs'],
    [['play', 'stie'], 'site'],
  ] as const) {
    const { code, stdout, stderr } = await fmc(...args)
    t.equal(code, 1, args.join(' '))
    t.equal(stdout, '', args.join(' '))
    t.match(stderr, new RegExp(`[Dd]id you mean (fmc secrets )?${near}\\?`), args.join(' '))
  }
})

void t.test('an error of the command line names the help of its command', async t => {
  for (const [args, help] of [
    [['play'], 'fmc play --help'],
    [['logs', 'web1'], 'fmc logs --help'],
    [['firewall', 'explain', 'a'], 'fmc firewall explain --help'],
    [['hosts', '--no-such-option'], 'fmc hosts --help'],
    [['lint', '--output', 'xml'], 'fmc lint --help'],
    [['nonsense'], 'fmc --help'],
  ] as const) {
    const { code, stderr } = await fmc(...args)
    t.equal(code, 1)
    t.match(stderr, new RegExp(`\n  ${help}\n$`), args.join(' '))
    t.equal((await fmc(...help.split(' ').slice(1))).code, 0, help)
  }
})

/** The rows of the table below a heading: first and second cell, without marks. */
const table = (file: string, heading: string): [string, string][] => {
  const text = readFileSync(join(ROOT, file), 'utf8').split(`\n## ${heading}\n`)[1] ?? ''
  return (text.split('\n## ')[0] ?? '')
    .split('\n')
    .filter(line => line.startsWith('|'))
    .slice(2)
    .map(line => {
      const [, name = '', meaning = ''] = line
        .split('|')
        .map(cell => cell.trim().replace(/[`_]/g, ''))
      return [name, meaning]
    })
}

void t.test('fmc explain knows the words of architecture.md and the exit codes', t => {
  t.same(
    WORDS.map(({ names, meaning }) => [names.join(', '), meaning]),
    table('docs/architecture.md', 'Words'),
  )
  t.same(
    EXIT_CODES.map(({ names }) => names[0]),
    Object.values(EXIT).map(String),
  )
  for (const [code] of table('docs/cli.md', 'Exit codes'))
    t.match(explain(code), [{ kind: 'exit code' }])
  t.match(explain('Gates'), [{ term: 'gate', kind: 'word' }])
  // What a recap says: docs/cli.md, Read a run.
  for (const said of ['failed', 'undone', 'unreachable', 'not reached', 'locked', 'unpredicted'])
    t.match(explain(said), [{ kind: 'state' }], said)
  t.throws(() => explain('invarint'), { message: /knows neither/, hint: 'did you mean invariant?' })
  t.throws(() => explain('zzzzzzzzzz'), {
    message: /knows neither/,
    hint: 'fmc explain   # lists the words',
  })
  t.end()
})

void t.test('fmc explain knows errors: each entry by a message that fmc prints', t => {
  const messages = [
    'the host key of web1 (10.0.0.1:22) is not known: SHA256:x',
    'the host key of web1 has changed',
    'a (127.0.0.1:9) refused the login of root: there was no key to try',
    'fmc did not connect to web1 (10.0.0.1:22): it has no key to log in as root',
    'cannot reach web1 (10.0.0.1:22): ECONNREFUSED',
    'web1: no shell for core: it ended with exit 1: rbash: line 1: exec: restricted',
    'web1: sudo for core: it needs a password',
    'web1: another fmc run holds the lock',
    '$ touch /x: not idempotent: right after the run it would change again (run)',
    'web2: a probe took longer than 2 min and was ended',
    'web1: the role motd has no handler "log the chnage"',
    'the gate "cron runs" did not open within 60 s: no answer',
    'K3s servers: stopped after master1; the hosts after it were not touched',
    'not awaited: file /etc/motd',
    'file /etc/x: validation failed',
    'handler "x" is pending from an interrupted run, but the role r no longer defines it',
    'id.txt does not open secrets.age: it is encrypted to other recipients',
    'inventory.yaml:3:1: no secret x in secrets.age',
    '/srv/x is not used: /srv can be written by every user (mode 0777), and anyone who writes there could act as root',
    'inventory.yaml:3:1: bad YAML: this does not belong here',
    'inventory.yaml:3:1: unknown key nic',
    'role k3s-server: k3s v1.99.9+k3s1 is not pinned',
    'inventory.yaml:17:57: error: 10.1.0.11 already belongs to db1',
    'v1 has 16 GB of memory, more than its hypervisor hv, which has 8 GB of memory',
    'cp: error writing x: No space left on device',
    'there is no time zone Europe/Berln',
    'Could not resolve "../roles/mtod/index.ts"',
    'no host or group is called wbe1',
    '-e: no role of site has a variable k3s_vresion',
    'the operating system flatcar of web1 is not supported by role nfs',
    'refused: the host has moved since the plan: content of /etc/motd',
    'lab default is not up',
    'fmc: this is a bug in fmc',
  ]
  const used = new Set<string>()
  for (const message of messages) {
    const [first] = explain(message)
    t.equal(first?.type, 'error', message)
    for (const known of ERRORS) if (known.message.test(message)) used.add(known.cause)
  }
  t.same(
    ERRORS.filter(({ cause }) => !used.has(cause)).map(({ message }) => message),
    [],
  )
  t.end()
})

void t.test('the manual page', async t => {
  const tree = treeOf(program())
  const page = manPage(tree, '9.9.9')
  for (const { path } of leaves(tree)) t.match(page.replaceAll('\\-', '-'), `.SS "fmc ${path}`)
  const file = join(t.testdir(), 'fmc.1')
  writeFileSync(file, page)
  const check = (command: string, ...args: string[]): void => {
    if (!existsSync(`/usr/bin/${command}`)) {
      t.pass(`${command} is not installed`)
      return
    }
    const { status, stdout, stderr } = spawnSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8' },
    })
    t.same([status, stderr], [0, ''], command)
    t.match(stdout, command === 'man' ? /NAME\n +fmc - agentless/ : '')
  }
  check('man', '--warnings', '-l', file)
  check('mandoc', '-T', 'lint', '-W', 'error', file)
  const hostile = { ...tree, description: ".so /etc/passwd\n'br \\fB" }
  t.match(manPage(hostile, '1'), "\\&.so /etc/passwd\n\\&'br \\efB")
  await Promise.resolve()
})
