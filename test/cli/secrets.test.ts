import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { Command } from 'commander'
import { addSecrets } from '../../lib/cli/commands/secrets.ts'
import type { SecretsIo } from '../../lib/cli/secrets-file.ts'
import { UsageError } from '../../lib/errors.ts'
import { openSecrets } from '../../lib/secrets/store.ts'
import { newKey } from '../secrets/keys.ts'

/** `fmc secrets` in a directory of its own, where there is no identity yet. */
const rig = (t: { testdir: () => string }) => {
  const dir = t.testdir()
  const file = join(dir, 'secrets.age')
  const said: string[] = []
  const printed: string[] = []
  const run = async (
    argv: string[],
    { input = '', env, ...more }: Partial<SecretsIo> & { input?: string } = {},
  ) => {
    let code = -1
    const program = new Command().exitOverride().configureOutput({
      writeOut: text => printed.push(text),
      writeErr: () => undefined,
    })
    const io = {
      secretsFile: () => file,
      stdin: Readable.from([Buffer.from(input)]),
      out: (line: string) => printed.push(line),
      give: (text: string) => printed.push(text),
      version: () => printed.push('{"type":"version"}'),
      json: (value: unknown) => printed.push(JSON.stringify(value)),
      say: (line: string) => said.push(line),
      askHidden: () => Promise.reject(new Error('asked')),
      confirm: () => Promise.resolve(false),
      ...more,
      env: { PATH: process.env.PATH, HOME: dir, ...env },
    }
    addSecrets(
      program,
      async exitCode => {
        code = await exitCode
      },
      () => Promise.resolve(io),
    )
    await program.parseAsync(['secrets', ...argv], { from: 'user' })
    return code
  }
  const values = async () =>
    Object.fromEntries(
      [...(await openSecrets(file, { env: { HOME: dir } }))].map(([n, s]) => [n, s.reveal()]),
    )
  return { dir, file, said, printed, run, values }
}

t.test('init makes an identity and an empty file', async t => {
  const { dir, file, run, said, values } = rig(t)
  t.equal(await run(['init']), 0)
  const identity = join(dir, '.config/fmc/identity.txt')
  t.equal(statSync(identity).mode & 0o777, 0o600)
  t.equal(statSync(join(dir, '.config/fmc')).mode & 0o777, 0o700)
  const text = readFileSync(identity, 'utf8')
  const recipient = /# public key: (age1\w+)\n/.exec(text)?.[1]
  t.ok(said.includes(`your recipient: ${recipient ?? '?'}`))
  t.notMatch(said.join('\n'), 'AGE-SECRET-KEY')
  t.same(await values(), {})

  await t.rejects(run(['init']), { name: 'UsageError', message: `${file} exists already` })
  t.equal(await run(['init', '--file', join(dir, 'second.age')]), 0)
  t.equal(readFileSync(identity, 'utf8'), text, 'an identity that is there is kept')
})

t.test('set takes the value from stdin or the terminal, never from argv', async t => {
  const { run, said, values } = rig(t)
  await run(['init'])
  await run(['set', 'one'], { input: 'hunter22\n' })
  await run(['set', 'two'], { input: 'first\nsecond\n' })
  await run(['set', 'three'], { input: 'crlf\r\n' })
  await run(['set', 'four'], { input: 'no newline' })
  const terminal = Object.assign(Readable.from([]), { isTTY: true })
  const questions: string[] = []
  const askHidden = (question: string) => {
    questions.push(question)
    return Promise.resolve('typed')
  }
  await run(['set', 'five'], { stdin: terminal, askHidden })
  await run(['set', 'one'], { input: 'changed' })
  t.same(await values(), {
    one: 'changed',
    two: 'first\nsecond\n',
    three: 'crlf',
    four: 'no newline',
    five: 'typed',
  })
  t.same(questions, ['five: '])
  t.match(said.at(-1), /^changed one in /)
  t.notMatch(said.join('\n'), /hunter22|typed|no newline/)

  const refused: readonly [argv: string[], input: Buffer | string, message: RegExp][] = [
    [['set', 'x', 'hunter22'], '', /set: too many arguments/],
    [['set'], 'hunter22', /needs a NAME/],
    [['set', 'x y'], 'hunter22', /the given text is not a valid name of a secret/],
    [['set', 'x'], '', /no value for x/],
    [['set', 'x'], '\n', /no value for x/],
    [['set', 'x'], Buffer.from([0xff, 0xfe]), /not UTF-8 text/],
  ]
  for (const [argv, input, message] of refused) {
    const error: unknown = await run(argv, { stdin: Readable.from([Buffer.from(input)]) }).catch(
      (e: unknown) => e,
    )
    t.match(error, { name: 'UsageError', message })
    t.notMatch(String(error), 'hunter22')
  }
  await run(['set', 'short'], { input: 'abc' })
  t.ok(said.some(line => line.startsWith('warning: short is too short')))
})

t.test('set --random makes a secret once', async t => {
  const { run, said, printed, values } = rig(t)
  await run(['init'])
  await run(['set', 'token', '--random'])
  const { token = '' } = await values()
  t.match(token, /^[\w-]{43}$/, '256 bits that no shell, URL or YAML minds')
  t.notMatch([...said, ...printed].join('\n'), token)
  await t.rejects(run(['set', 'token', '--random']), { message: /^token is set already in / })
  t.equal((await values())['token'], token, 'it stays')
  await run(['set', 'token', '--random', '--force'])
  t.not((await values())['token'], token)
})

/** Who uses the secrets `app` and `gone`. */
const users = () =>
  Promise.resolve([
    { name: 'app', variable: 'db_roles', where: 'i.yaml:7', hosts: ['db1', 'db2'], roles: ['db'] },
    { name: 'app', variable: 'note', where: 'i.yaml:9', hosts: ['web1'], roles: [] },
    { name: 'gone', variable: 'token', where: 'i.yaml:8', hosts: ['web1'], roles: ['web', 'db'] },
  ])

t.test('list names the users of each secret, and what is used but not set', async t => {
  const { run, printed, said } = rig(t)
  await run(['init'])
  await run(['set', 'app'], { input: 'hunter22' })
  await run(['set', 'longer_name'], { input: 'hunter33' })
  await run(['list'], { users })
  t.same(printed, [
    'app          db_roles on db1, db2 (role db); note on web1',
    'longer_name  not used',
  ])
  t.equal(
    said.at(-1),
    'gone is not set, but used: token on web1 (role web, db); fmc secrets set gone',
  )
  printed.length = 0
  await run(['list', '--output', 'json'], { users })
  const lines = printed.map(line => JSON.parse(line) as { name?: string })
  t.match(lines[0], { type: 'version' })
  t.match(lines[1], { type: 'secret', name: 'app', set: true, uses: [{ where: 'i.yaml:7' }, {}] })
  t.match(lines.at(-1), { type: 'secret', name: 'gone', set: false })
  t.notMatch(printed.join(), /hunter/)
  await run(['list'], { users: () => Promise.reject(new UsageError('there is no i.yaml')) })
  t.same(printed.slice(-2), ['app', 'longer_name'])
  t.match(said.at(-1), 'who uses the secrets is not known: there is no i.yaml')
})

t.test('get prints one secret exactly', async t => {
  const { run, printed } = rig(t)
  await run(['init'])
  await run(['set', 'app'], { input: 'one\ntwo\n' })
  await run(['get', 'app'])
  t.same(printed, ['one\ntwo\n'])
  await t.rejects(run(['get', 'ap']), { message: /no secret ap in /, hint: 'did you mean app?' })
  await t.rejects(run(['get']), { message: 'fmc secrets get needs a NAME' })
  await t.rejects(run(['get', 'app', 'x']), { message: /too many arguments/ })
})

t.test('rotate replaces a secret, names who uses it and how to apply it', async t => {
  const { run, said, values } = rig(t)
  await run(['init'])
  await run(['set', 'app'], { input: 'hunter22' })
  await run(['set', 'gone'], { input: 'hunter44' })
  said.length = 0
  await run(['rotate', 'app', '--dry-run'], { users })
  t.equal(said[0], 'would be used by:')
  t.match(await values(), { app: 'hunter22' })
  said.length = 0
  await run(['rotate', 'app'], { users, input: 'hunter33\n' })
  t.match(await values(), { app: 'hunter33' })
  t.match(said.shift(), /^changed app in /)
  t.same(said, [
    'used by:',
    '  db_roles (i.yaml:7) on db1, db2; role db',
    '  note (i.yaml:9) on web1; no role of the playbook site reads it there',
    'to apply it; first with --dry-run to see what changes:',
    '  fmc play site --role db --limit db1,db2',
  ])
  await run(['rotate', 'gone', '--random'], { users })
  t.equal(said.at(-1), '  fmc play site --limit web1')
  t.match((await values())['gone'], /^[\w-]{43}$/)
  await run(['rotate', 'gone', '--random'], { users: () => Promise.resolve([]) })
  t.equal(said.at(-1), 'no host has a variable that refers to gone')
  for (const [argv, input, message] of [
    [['rotate', 'ap'], 'x', /no secret ap in /],
    [['rotate', 'app'], 'hunter33', /the value that app has already/],
    [['rotate', 'app'], '', /no value for app/],
    [['rotate', 'app', 'hunter55'], '', /too many arguments/],
    [['get', 'app', '--output', 'json'], '', /get has no --output json/],
  ] as const)
    await t.rejects(run([...argv], { users, input }), { message })
  t.match(await values(), { app: 'hunter33' })
})

t.test('list shows names only', async t => {
  const { run, printed } = rig(t)
  await run(['init'])
  await run(['set', 'b'], { input: 'hunter22' })
  await run(['set', 'a'], { input: 'hunter23' })
  await run(['list'])
  t.same(printed, ['b', 'a'])
})

t.test('edit', async t => {
  const { dir, file, run, said, values } = rig(t)
  await run(['init'])
  await run(['set', 'one'], { input: 'hunter22' })
  const editor = join(dir, 'editor')
  const withEditor = (script: string, more: Partial<SecretsIo> = {}) => {
    writeFileSync(editor, `#!/bin/sh\n${script}\n`)
    chmodSync(editor, 0o755)
    return run(['edit'], { ...more, env: { EDITOR: editor } })
  }
  await withEditor('case $1 in /dev/shm/*) sed -i s/hunter22/hunter23/ "$1";; esac')
  t.same(await values(), { one: 'hunter23' })

  const sealed = readFileSync(file)
  await withEditor('true')
  t.equal(said.at(-1), 'nothing changed')
  t.same(readFileSync(file), sealed, 'and then nothing is written')

  await t.rejects(withEditor('echo "  one: again" >>"$1"'), { message: 'nothing was saved' })
  t.match(said.join('\n'), /secrets\.yaml:\d+:3: one appears twice/)
  await t.rejects(withEditor('exit 3'), { message: /ended with 3; nothing was saved/ })
  t.same(readFileSync(file), sealed)

  let times = 0
  const confirm = () => Promise.resolve(++times === 1)
  const repair =
    'if grep -q broken "$1"; then sed -i s/broken:$/two:\\ x/ "$1"; else echo "  broken:" >>"$1"; fi'
  await withEditor(repair, { confirm })
  t.same(await values(), { one: 'hunter23', two: 'x' }, 'a mistake can be mended')
  t.notMatch(said.join('\n'), 'hunter2')
  t.same(
    readdirSync('/dev/shm').filter(name => name.startsWith(`fmc-secrets-${process.pid}-`)),
    [],
  )
})

t.test('rekey', async t => {
  const { dir, file, run, values } = rig(t)
  await run(['init'])
  await run(['set', 'one'], { input: 'hunter22' })
  const mine =
    /age1\w+/.exec(readFileSync(join(dir, '.config/fmc/identity.txt'), 'utf8'))?.[0] ?? ''
  const other = await newKey()
  writeFileSync(join(dir, 'other'), other.identity.reveal(), { mode: 0o600 })
  const openOther = () => openSecrets(file, { identity: join(dir, 'other') })

  await t.rejects(run(['rekey']), { message: /needs --recipient/ })
  await t.rejects(run(['rekey', '-r', other.recipient]), {
    message: /your own identity could no longer open/,
  })
  await t.rejects(openOther(), { message: /does not open/ })
  await run(['rekey', '-r', mine, '-r', other.recipient])
  t.equal((await openOther()).get('one')?.reveal(), 'hunter22')
  t.same(await values(), { one: 'hunter22' })

  // A later change is for both as well.
  await run(['set', 'two'], { input: 'x' })
  t.equal((await openOther()).size, 2)

  await run(['rekey', '-r', other.recipient, '--force'])
  await t.rejects(values(), { message: /does not open/ })
})

t.test('a passphrase instead of an identity', async t => {
  const { dir, file, run } = rig(t)
  const pass = join(dir, 'pass')
  writeFileSync(pass, 'correct horse\n', { mode: 0o600 })
  const env = { FMC_AGE_PASSPHRASE_FILE: pass }
  await run(['init', '--passphrase'], { env })
  t.notOk(readdirSync(dir).includes('.config'), 'needs no identity')
  await run(['set', 'one'], { env, input: 'hunter22' })
  t.equal((await openSecrets(file, { env })).get('one')?.reveal(), 'hunter22')

  const answers = ['new one', 'new two']
  const askHidden = () => Promise.resolve(answers.shift() ?? '')
  await t.rejects(run(['rekey', '--passphrase'], { env, askHidden }), {
    message: 'the passphrases differ',
  })
  answers.push('new one', 'new one')
  await run(['rekey', '--passphrase'], { env, askHidden })
  await t.rejects(openSecrets(file, { env }), { message: /wrong passphrase/ })
  const { recipient } = await newKey()
  await t.rejects(run(['init', '--passphrase', '-r', recipient, '--file', join(dir, 'x')]), {
    message: /cannot do both/,
  })
})

t.test('wrong calls', async t => {
  const { run, printed } = rig(t)
  t.equal(await run([]), 1)
  await t.rejects(run(['--help']), { code: 'commander.helpDisplayed', exitCode: 0 })
  t.match(printed[0], /fmc secrets rekey/)
  const table: readonly [argv: string[], message: RegExp, hint?: string][] = [
    [['edti'], /unknown command: fmc secrets edti/, 'did you mean edit?'],
    [['list', 'x'], /list: too many arguments/],
    [['list'], /there is no secrets file/, 'fmc secrets init'],
  ]
  for (const [argv, message, hint] of table) {
    const error: unknown = await run(argv).catch((e: unknown) => e)
    t.match(error, { name: 'UsageError', message, ...(hint === undefined ? {} : { hint }) })
  }
  await t.rejects(run(['list', '--frce']), {
    name: 'CommanderError',
    exitCode: 1,
    message: /unknown option '--frce'/,
  })
})
