import t from 'tap'
import { GarbledProbe } from '../../lib/facts/family.ts'
import { ask, batch, isFamily, keyOf, type Query } from '../../lib/facts/index.ts'
import { local } from './helpers.ts'

const questions: readonly Query[] = [
  ask('path', '/'),
  ask('path', '/no'),
  ask('path', '/'),
  ask('user', 'root'),
  ask('line', '/etc/passwd\0no'),
  ask('command', 'echo hi'),
  ask('command', 'echo there; exit 3'),
  ask('pending', '/no'),
  ask('mount', '/no'),
]

for (const shell of ['/bin/dash', '/bin/bash'])
  void t.test(`all questions in one script (${shell})`, t => {
    const { script, parse } = batch(questions)
    const found = parse(local(script, shell), '')
    t.match(found.get('path:/'), { type: 'directory' })
    t.equal(found.get('path:/no'), null)
    t.match(found.get('command:echo hi'), { code: 0, stdout: 'hi\n', stderr: '' })
    t.match(found.get('command:echo there; exit 3'), { code: 3, stdout: 'there\n' })
    t.strictSame(found.get('pending:/no'), [])
    t.equal(found.size, new Set(questions.map(keyOf)).size)
    t.end()
  })

void t.test('no queries, no facts', t => {
  const { script, parse } = batch([])
  t.equal(parse(local(script), '').size, 0)
  t.end()
})

void t.test('each family has its own limit for the size of its answer', t => {
  const small = batch([ask('path', '/'), ask('path', '/')])
  t.ok(small.maxBytes < 200 * 1024, `${small.maxBytes}`)
  const large = batch([ask('path', '/'), ask('command', 'x'), ask('command', 'y', undefined, 9e6)])
  t.ok(large.maxBytes > 13e6 && large.maxBytes < 14e6, `${large.maxBytes}`)
  const [, section = ''] = /:(s[0-9a-f]{8}):/.exec(large.script) ?? []
  const [end, err] = [`\x1eword:${section}:0;`, `\x1eword:${section}:`]
  for (const [stdout, stderr] of [
    [`${'x'.repeat(1e6)}${end}${end}`, `${err}${err}`],
    [`${end}${end}`, `${'x'.repeat(1e6)}${err}${err}`],
  ] as const)
    t.throws(() => large.parse({ code: 0, stdout, stderr }, 'word'), {
      name: 'GarbledProbe',
      message: /^path: .*more than \d+ bytes/,
    })
  t.end()
})

void t.test('the marks appear in no process list', t => {
  const { script } = batch([
    ask('command', 'tr "\\0" " " </proc/$$/cmdline; cat /proc/self/cmdline'),
  ])
  t.notMatch(script, /[\x1e\x1d]/)
  t.end()
})

void t.test('an incomplete answer is refused', t => {
  const { script, parse } = batch(questions)
  const whole = local(script)
  const section = /\x1e:s[0-9a-f]{8}:\d+;/.exec(whole.stdout)?.[0] ?? 'none'
  const bad = {
    nothing: { ...whole, stdout: '' },
    'no stderr': { ...whole, stderr: '' },
    'cut off': { ...whole, stdout: whole.stdout.slice(0, -30) },
    'a section too many': { ...whole, stdout: whole.stdout + section },
    'a section without its code': {
      ...whole,
      stdout: whole.stdout.replace(section, section.replace(/\d+;$/, '')),
    },
    'noise before it': { ...whole, stdout: `motd${whole.stdout}` },
  }
  for (const [what, output] of Object.entries(bad))
    t.throws(() => parse(output, ''), GarbledProbe, what)
  const foreign = batch(questions)
  t.throws(() => foreign.parse(whole, ''), GarbledProbe, "another script's answer")
  t.end()
})

void t.test('an error quotes only the beginning of an answer', t => {
  const { parse } = batch(questions)
  try {
    parse({ code: 0, stdout: '', stderr: 'x'.repeat(1 << 20) }, '')
    t.fail()
  } catch (error) {
    t.ok(error instanceof GarbledProbe && error.message.length < 400)
  }
  t.end()
})

void t.test('a secret is redacted before the quoted answer is cut', t => {
  const error = new GarbledProbe('line', `${'x'.repeat(190)}hunter22hunter22hunter22`)
  t.match(error.message, 'hunter22')
  const told = error.redacted(text => text.replaceAll('hunter22', '***'))
  t.notMatch(told, 'hunt')
  t.match(told, '***')
  t.ok(told.length < 400)
  t.end()
})

void t.test('only names of families are accepted', t => {
  t.ok(isFamily('path'))
  for (const name of ['toString', '__proto__', 'constructor', '']) t.notOk(isFamily(name), name)
  t.end()
})
