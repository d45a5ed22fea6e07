// Completion: which words fit, for the real command tree; what it reads of a project; and the scripts in real shells.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { afterBreak, splitLine } from '../../lib/cli/complete/line.ts'
import { ROOT, run } from '../rig/lab.ts'

const BIN = join(ROOT, 'lib/bin.js')
const BREAKS = ' \t\n"\'@><=;|&(:'

const INVENTORY = `timezone: UTC
domain: tab.internal
networks: {}
groups:
  web: { hosts: [web1, web2] }
  dc1: { hosts: [web1, db1], vars: { site_name: one } }
hosts:
  web1: { os: debian 12, ssh: { host: 127.0.0.1 } }
  web2: { os: debian 12, ssh: { host: 127.0.0.1 }, vars: { web_special: 1 } }
  db1: { os: debian 12, ssh: { host: 127.0.0.1 } }
`

const project = (t: Test) => {
  const dir = t.testdir({
    'inventory.yaml': INVENTORY,
    'vars.yaml': 'a: 1\n',
    playbooks: {
      'mine.ts':
        "import { play, playbook } from 'fmc'\nthrow new Error('completion ran me')\nexport default playbook('mine', [play('A', { hosts: 'web', roles: [], tags: ['front', \"edge\"] })])\n",
      'other.ts': "export default { tags: ['back'] }\n",
    },
    roles: {
      mine: {
        'index.ts':
          "import { z } from 'fmc'\nthrow new Error('completion ran me')\nexport const vars = z.object({\n  mine_port: z.number(),\n  mine_name: z\n    .string(),\n})\n",
      },
    },
    bin: {},
  })
  const env = { FMC_CACHE: join(dir, 'cache') }
  /** The words that fit at the end of the line. */
  const fits = async (line: string, more: NodeJS.ProcessEnv = {}): Promise<string[]> => {
    const { code, stdout, stderr } = await run(
      [process.execPath, BIN, '__complete', 'bash', BREAKS, `fmc ${line}`],
      { cwd: dir, env: { ...env, ...more } },
    )
    t.same([code, stderr], [0, ''], line)
    return stdout.split('\n').flatMap(l => (l === '' ? [] : [l.split('\t')[0] ?? '']))
  }
  return { dir, env, fits }
}

void t.test('words of a line', t => {
  for (const [line, words, quote] of [
    ['fmc play', ['fmc', 'play'], undefined],
    ['fmc play ', ['fmc', 'play', ''], undefined],
    ["fmc -l 'web:&d", ['fmc', '-l', 'web:&d'], "'"],
    ['fmc -e "a b"c', ['fmc', '-e', 'a bc'], undefined],
    ['fmc a\\ b', ['fmc', 'a b'], undefined],
    ['fmc ""', ['fmc', ''], undefined],
    ['fmc "a\\"b', ['fmc', 'a"b'], '"'],
  ] as const)
    t.same(splitLine(line), { words, quote }, line)
  t.equal(afterBreak('web:dc1', splitLine('fmc web:d'), BREAKS), 'dc1')
  t.equal(afterBreak('web:dc1', splitLine("fmc 'web:d"), BREAKS), 'web:dc1')
  t.equal(afterBreak('--output=json', splitLine('fmc --output=j'), BREAKS), 'json')
  t.equal(afterBreak('json', splitLine('fmc j'), BREAKS), 'json')
  t.end()
})

void t.test('commands, options, values and the names of the project', async t => {
  const { dir, fits } = project(t)
  for (const [line, wanted] of [
    ['pla', ['play', 'plan']],
    ['plan mi', ['mine']],
    ['plan other -t ba', ['back']],
    ['apply ', [':files']],
    ['plan mine --out ', [':files']],
    ['play mi', ['mine']],
    ['play mine --dry', ['--dry-run']],
    ['play mine --output ', ['tty', 'plain', 'json', 'junit', 'github', 'sarif']],
    ['play mine --output=j', ['json', 'junit']],
    ['play mine -l w', ['web', 'web1', 'web2']],
    ['play mine -l web,d', ['web,dc1', 'web,db1']],
    ['play mine -lweb1', ['-lweb1']],
    ["play mine -l 'web:&d", ['web:&dc1', 'web:&db1']],
    ['play mine -l web:\\!d', ['!dc1', '!db1']],
    ["play mine -l '@f", ['@failed']],
    ["play mine -e '@v", ['@vars.yaml']],
    ['play mine -e mine', ['mine_port=', 'mine_name=']],
    ['play mine -e nfs_ex', ['nfs_exports=']],
    ['play mine -e site_', ['site_name=']],
    ['play mine -e web_', ['web_special=']],
    ['play mine -e mine_port=', []],
    ['play mine -t front,ed', ['front,edge']],
    ['play mine -t ba', []],
    ['play other -t ba', ['back']],
    ['play mine --role mi', ['mine']],
    ['play mine --start-at mi', ['mine/']],
    ['role mi', ['mine']],
    ['role mine db', ['db1']],
    ['hosts dc', ['dc1']],
    ['runs sh', ['show']],
    ['runs show l', ['last']],
    ['runs show last --host db', ['db1']],
    ['doc mi', ['mine']],
    ['hosts -i ', [':files']],
    ['play mine --artifacts ', [':directories']],
    ['import ', ['ansible']],
    ['import ansible ', [':files']],
    ['firewall ', ['explain', 'rules', 'probe']],
    ['firewall explain web1 d', ['db1']],
    ['firewall rules --for ', ['pfsense', 'opnsense']],
    ['lab ki', ['kill']],
    ['lab kill w', ['web1', 'web2']],
    ['secrets ini', ['init']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['run web1 -- -', []],
    ['nonsense --ver', ['--version']],
    ['nonsense nothing ', []],
  ] as const)
    t.same(await fits(line), wanted, line)
  for (const name of ['vx$(id).yaml', 'vx;id #.yaml', 'vx y.yaml', 'vx`id`.yaml'])
    writeFileSync(join(dir, name), '')
  t.same(await fits('play mine -e @vx'), [], 'names that the shell would run')
  mkdirSync(join(dir, 'elsewhere'))
  writeFileSync(join(dir, 'elsewhere/x.yaml'), INVENTORY.replaceAll('web1', 'far1'))
  for (const option of [
    '-i elsewhere/x.yaml',
    '-ielsewhere/x.yaml',
    '--inventory=elsewhere/x.yaml',
  ])
    t.same(await fits(`hosts ${option} fa`), ['far1'], option)
})

void t.test('a broken inventory: the names that it had, else those that can be read', async t => {
  const { dir, fits } = project(t)
  const broken = `${INVENTORY}  new1: { os: [\n\t}`
  writeFileSync(join(dir, 'inventory.yaml'), broken)
  t.same(await fits('hosts we'), ['web', 'web1', 'web2'])
  writeFileSync(join(dir, 'inventory.yaml'), INVENTORY)
  t.same(await fits('hosts db'), ['db1'])
  for (const text of [broken, '', 'hosts: 5\n', '\0'.repeat(10), '- a\n']) {
    writeFileSync(join(dir, 'inventory.yaml'), text)
    t.same(await fits('hosts db'), ['db1'], JSON.stringify(text))
    t.same(await fits('play mi'), ['mine'])
  }
  rmSync(join(dir, 'inventory.yaml'))
  t.same(await fits('hosts db'), [])
  t.same(await fits('play mi'), ['mine'])
  spawnSync('mkfifo', [join(dir, 'inventory.yaml')])
  t.same(await fits('hosts db'), [], 'a pipe is not opened')
})

void t.test('a cache that others may write, or none, costs only time', async t => {
  const { fits } = project(t)
  for (const FMC_CACHE of ['/dev/null', '/proc/fmc', '/tmp'])
    t.same(await fits('hosts db', { FMC_CACHE }), ['db1'], FMC_CACHE)
})

void t.test('a new host is offered at once', async t => {
  const { dir, fits } = project(t)
  t.same(await fits('hosts n'), [])
  writeFileSync(
    join(dir, 'inventory.yaml'),
    `${INVENTORY}  new1: { os: debian 12, ssh: { host: 127.0.0.1 } }\n`,
  )
  t.same(await fits('hosts n'), ['new1'])
})

/** A directory with a program fmc, as in PATH. */
const withFmc = (t: Test) => {
  const p = project(t)
  writeFileSync(join(p.dir, 'bin/fmc'), `#!/bin/sh\nexec ${process.execPath} ${BIN} "$@"\n`, {
    mode: 0o755,
  })
  const PATH = `${join(p.dir, 'bin')}:${process.env['PATH'] ?? ''}`
  const shell = (argv: readonly string[]) =>
    run(argv, { cwd: p.dir, env: { ...p.env, PATH, HOME: p.dir } })
  return { ...p, shell }
}
const has = (program: string) =>
  existsSync(`/usr/bin/${program}`) ? {} : { skip: `${program} is not installed` }

void t.test('bash', has('bash'), async t => {
  const { shell } = withFmc(t)
  /** What Tab makes of a line: COMPREPLY, for the words as bash itself breaks them. */
  const tab = async (line: string): Promise<string[]> => {
    const { stdout, stderr } = await shell([
      'bash',
      '--norc',
      ...['-O', 'nullglob', '-c'],
      `source <(fmc completion bash)
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:' COMP_LINE=$1 COMP_POINT=\${#1}
complete -p fmc >/dev/null && _fmc fmc; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      line,
    ])
    t.notMatch(stderr, /syntax|not found/)
    return stdout.trimEnd().split('\n')
  }
  t.same(await tab('fmc play mi'), ['mine'])
  t.same(await tab('fmc tes'), ['test'], 'a description with the signs of a pattern')
  t.same(await tab('fmc play mine --output=js'), ['json'])
  t.same(await tab('fmc hosts w'), ['web', 'web1', 'web2'])
  t.same(await tab('fmc hosts -i '), [''])
})

void t.test('bash on a terminal', has('script'), async t => {
  const { shell } = withFmc(t)
  // The shell itself completes the word and runs the line.
  const { stdout } = await shell([
    'sh',
    '-c',
    `printf 'source <(fmc completion bash)\\nfmc hos\\tdb\\t\\nexit\\n' | script -qec 'bash --norc -i' /dev/null`,
  ])
  t.match(stdout, /fmc hosts db1/)
  t.match(stdout, /db1\s+127\.0\.0\.1|address\s+127\.0\.0\.1/)
})

void t.test('zsh', has('zsh'), async t => {
  const { shell } = withFmc(t)
  const tab = async (line: string): Promise<string> => {
    // compadd tells what it was given: there is no terminal here.
    const { stdout } = await shell([
      'zsh',
      '-f',
      '-c',
      `compdef() { print registered $2 }
compadd() { local a=\${@[-1]}; print -l -- "\${(@P)a}" }
_files() { print files }
source <(fmc completion zsh)
words=(\${(z)1} ''); [[ $1 == *' ' ]] || shift -p words
CURRENT=$#words PREFIX=$words[-1]
_fmc`,
      'zsh',
      line,
    ])
    return stdout.trim().split(/\s+/).join(' ')
  }
  t.equal(await tab('fmc play mi'), 'registered fmc mine')
  t.equal(await tab('fmc hosts w'), 'registered fmc web web1 web2')
  t.equal(await tab('fmc play mine -e mine_p'), 'registered fmc mine_port=')
  t.equal(await tab('fmc hosts -i '), 'registered fmc files')
})

void t.test('fish', has('fish'), async t => {
  const { dir, shell } = withFmc(t)
  const tab = async (line: string): Promise<string[]> => {
    const { stdout } = await shell([
      'fish',
      '--no-config',
      '-c',
      `cd ${dir}; fmc completion fish | source; complete -C ${JSON.stringify(line)}`,
    ])
    return stdout.split('\n').flatMap(l => (l === '' ? [] : [l.split('\t')[0] ?? '']))
  }
  t.same(await tab('fmc play mi'), ['mine'])
  t.same(await tab('fmc hosts w'), ['web', 'web1', 'web2'])
  t.same(await tab('fmc hosts -i inv'), ['inventory.yaml'])
})
