import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseExtraVars } from '../../lib/inventory/extra-vars.ts'
import { SecretRef } from '../../lib/inventory/secret-ref.ts'

const directory = t.testdir({
  'vars.yaml': 'a: 1\nb: [x, y]\n',
  'list.yaml': '- a\n',
  'bad.yaml': 'a:\n\tb: 1\n',
})
const inDirectory = (name: string): string => join(directory, name)

const VALUES: readonly [readonly string[], Readonly<Record<string, unknown>>][] = [
  [[], {}],
  [['a=1'], { a: 1 }],
  [['a="1"'], { a: '1' }],
  [['a=true', 'b=null', 'c='], { a: true, b: null, c: '' }],
  [['a=yes'], { a: 'yes' }],
  [['a=x=y'], { a: 'x=y' }],
  [['a=hello world'], { a: 'hello world' }],
  [['a=b: c'], { a: 'b: c' }],
  [['a=- x'], { a: '- x' }],
  [['a=@home'], { a: '@home' }],
  [['a=[1, x]'], { a: [1, 'x'] }],
  [['a={b: 2}'], { a: { b: 2 } }],
  [['{a: 1, b: [2]}'], { a: 1, b: [2] }],
  [['a=1', 'a=2'], { a: 2 }],
  [[`@${inDirectory('vars.yaml')}`, 'a=2'], { a: 2, b: ['x', 'y'] }],
]
void t.test('values', async t => {
  for (const [options, wanted] of VALUES)
    t.same(
      Object.fromEntries([...(await parseExtraVars(options))].map(([name, v]) => [name, v.value])),
      wanted,
      options.join(' ') || 'none',
    )
  const pw = (await parseExtraVars(['pw=!secret x'])).get('pw')
  t.ok(pw?.value instanceof SecretRef)
})

void t.test('a variable of a file has its place there', async t => {
  const file = inDirectory('vars.yaml')
  const vars = await parseExtraVars([`@${file}`, 'c=1', '{d: 1}'])
  t.equal(vars.get('b')?.at, `${file}:2:1`)
  t.same([vars.get('c')?.at, vars.get('d')?.at], [undefined, undefined])
})

const REFUSED: readonly [string, RegExp][] = [
  ['a', /^-e: expected name=value$/],
  ['hunter2', /^-e: expected name=value$/],
  ['aGVsbG8hunter2==', /^-e: the text before the = is not a variable name$/],
  ['{hunter2-x: 1}', /^-e: a name in the map is not a variable name$/],
  ['{a: *hunter2}', /-e.*error: there is no anchor/],
  ['{a: !hunter2 x}', /-e.*error: unknown tag/],
  ['{a: >hunter2}', /-e.*error: /],
  ['@hunter2', /^-e @…: cannot read ‹not shown: not a path›: ENOENT$/],
  ['=1', /the text before the = is not a variable name/],
  ['my-var=1', /the text before the = is not a variable name/],
  ['{a: ', /-e:.*error: bad YAML/],
  ['{my-var: 1}', /a name in the map is not a variable name/],
  [`@${inDirectory('list.yaml')}`, /expected a map of variables/],
  [`@${inDirectory('bad.yaml')}`, /bad\.yaml:2:1: error: a tab/],
  [`@${inDirectory('none.yaml')}`, /cannot read .*none\.yaml: ENOENT/],
]
void t.test('a refused option is not printed', async t => {
  for (const [option, message] of REFUSED) {
    const error: unknown = await parseExtraVars([option]).catch((e: unknown) => e)
    t.match(error, { name: 'UsageError', message }, option)
    t.notMatch(`${String(error)} ${(error as { hint?: string }).hint ?? ''}`, 'hunter2', option)
  }
  writeFileSync(inDirectory('x'), '')
  await t.rejects(parseExtraVars(['bad-name=hunter2']), { message: /^(?!.*hunter2)/s })
})
