import t from 'tap'
import { parseSource } from '../../lib/inventory/source.ts'
import { SecretRef } from '../../lib/inventory/secret-ref.ts'
import { marked } from './helpers.ts'

const BROKEN: readonly [title: string, text: string, message: RegExp, hint?: RegExp][] = [
  ['a tab as indent', 'a:\n‸\tb: 1\n', /a tab indents this line/, /spaces only/],
  ['a key twice', 'a: 1\nb: 2\n‸a: 3\n', /^a appears twice; the first is on line 1$/, /rename one/],
  ['a nested key twice', 'hosts:\n  n1: {}\n  ‸n1: {}\n', /twice/],
  ['a second document', 'a: 1\n‸---\nb: 2\n', /second document/],
  ['an unknown tag', 'a: ‸!vault x\n', /unknown tag/, /only tag is !secret/],
  ['a tag of YAML itself', 'a: ‸!!binary aGk=\n', /unknown tag/, /only tag is !secret/],
  ['a bracket that stays open', 'a: [1, 2\n‸b: 3\n', /bad YAML/],
  ['a quote that stays open', 'a: "x\n‸', /bad YAML/],
  ['an anchor twice', 'a: &x 1\nb: &x ‸2\nc: *x\n', /this anchor \(&\) appears twice/],
  ['an alias of nothing', 'a: ‸*x\n', /there is no anchor \(&\) for this alias/],
  ['an alias inside of itself', 'a: &x\n  b: ‸*x\n', /alias \(\*\) contains itself/],
  ['a merge key', 'a: &x { b: 1 }\nc:\n  ‸<<: *x\n', /key << is not allowed/, /vars of a group/],
  ['__proto__', 'a:\n  ‸__proto__: 1\n', /__proto__ is not allowed/],
  ['a list as key', '‸[a, b]: 1\n', /plain text/],
  ['a Jinja expression', 'a: {‸{ b }}\n', /plain text/, /no Jinja/],
  ['brackets that do not match', 'a: { b: [{ c: 1 ‸] }\n', /brackets do not match/],
  ['infinity', 'a: ‸.inf\n', /not a finite number/],
  ['a secret without a name', 'a: ‸!secret\n', /!secret needs a name/],
  ['a secret that is no name', 'a: ‸!secret "x y"\n', /!secret needs a name/],
  ['a control character', 'a: ‸"\u0000"\n', /NUL character/],
]
for (const [title, text, message, hint] of BROKEN)
  void t.test(title, t => {
    const { text: yaml, line, column } = marked(text)
    const [first] = parseSource(yaml, 'x.yaml').problems
    t.match(first?.message, message)
    if (hint !== undefined) t.match(first?.hint, hint)
    t.match(first, { severity: 'error', file: 'x.yaml', line, column })
    t.end()
  })

void t.test('reports an error once in a line', t => {
  t.equal(parseSource('a: { b: [{ c: 1 ] }\n', 'x.yaml').problems.length, 1)
  t.end()
})

void t.test('reports all problems in order', t => {
  const { problems } = parseSource('a: !x 1\na: 2\nb: !secret\n<<: 1\n', 'x.yaml')
  t.same(
    problems.map(problem => problem.line),
    [1, 2, 3, 4],
  )
  t.end()
})

void t.test('aliases are copies; a few cannot become very many values', t => {
  const fine = parseSource('a: &x { b: [1] }\nc: *x\n', 'x.yaml')
  t.same(fine.data, { a: { b: [1] }, c: { b: [1] } })
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let n = 1; n < 12; n++)
    lines.push(`a${n}: &a${n} [${Array.from({ length: 10 }, () => `*a${n - 1}`).join(', ')}]`)
  const started = performance.now()
  const bomb = parseSource(lines.join('\n'), 'x.yaml')
  t.equal(bomb.problems.length, 1)
  t.match(bomb.problems[0]?.message, /more than 200000 values/)
  t.ok(performance.now() - started < 5000, 'and it takes no time')
  t.end()
})

void t.test('very deep nesting is an error, not a crash', t => {
  const { problems } = parseSource('['.repeat(100_000), 'x.yaml')
  t.match(problems[0]?.message, /nested too deeply|bad YAML/)
  t.end()
})

void t.test('secrets are references and print as ‹secret›', t => {
  const { data } = parseSource('a:\n  - !secret db_password\n', 'x.yaml')
  const ref = (data as { a: SecretRef[] }).a[0]!
  t.ok(ref instanceof SecretRef)
  t.match(ref, { name: 'db_password', file: 'x.yaml', line: 2, column: 5 })
  t.equal(`${String(ref)} ${JSON.stringify(ref)}`, '‹secret› "‹secret›"')
  t.throws(() => ref.reveal(), {
    name: 'UsageError',
    message: /x\.yaml:2:5: the secret db_password/,
  })
  t.end()
})

void t.test('YAML 1.2: yes is text, numbers and keys are plain', t => {
  const { data, problems } = parseSource('a: yes\nb: 0755\n1: x\ntrue: y\n', 'x.yaml')
  t.same(problems, [])
  t.same(data, { a: 'yes', b: 755, 1: 'x', true: 'y' })
  t.end()
})

void t.test('a missing path has the place of its longest existing part', t => {
  const source = parseSource('a:\n  b: [1, 2]\n  c: &x { d: 1 }\n  e: *x\n', 'x.yaml')
  const places: [readonly (string | number)[], boolean, string][] = [
    [[], false, '1:1'],
    [['a'], true, '1:1'],
    [['a', 'b'], true, '2:3'],
    [['a', 'b', 1], false, '2:10'],
    [['a', 'zzz'], false, '1:1'],
    [['a', 'e', 'd'], false, '3:14'],
    [['a', 'b', 1, 'q'], false, '2:10'],
  ]
  for (const [path, key, wanted] of places) {
    const { line, column } = source.at(path, key)
    t.equal(`${line}:${column}`, wanted, path.join('.'))
  }
  t.end()
})
