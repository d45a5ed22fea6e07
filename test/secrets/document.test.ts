import t from 'tap'
import {
  checkName,
  emptyDocument,
  parseContents,
  withRecipients,
  withSecret,
} from '../../lib/secrets/document.ts'

const parse = (text: string) => parseContents(text, 'f')
const secretsOf = async (lines: string) =>
  Object.fromEntries((await parse(`secrets:\n${lines}`)).secrets)

t.test('every value is the text as typed', async t => {
  t.same(await secretsOf('  a: 0123\n  b: yes\n  c: "x # y"\n  d: 1e3\n  e: null\n'), {
    a: '0123',
    b: 'yes',
    c: 'x # y',
    d: '1e3',
    e: 'null',
  })
  t.same(await secretsOf("  a: 'it''s'\n  b: |\n    one\n    two\n  # the end\n"), {
    a: "it's",
    b: 'one\ntwo\n',
  })
})

t.test('a new file has its recipients and no secrets', async t => {
  t.same(await parse(emptyDocument(['age1a', 'age1b'])), {
    recipients: ['age1a', 'age1b'],
    secrets: new Map(),
  })
  t.same(await parse(emptyDocument([])), { recipients: [], secrets: new Map() })
})

/** text, then what the error says */
const WRONG: readonly [text: string, message: RegExp][] = [
  ['secrets:\n  a: x\n  b: y\n  a: hush\n', /^f:4:3: a appears twice; the first is on line 2$/],
  [
    'secrets:\n  a: x\nsecrets:\n  b: hush\n',
    /^f:3:1: secrets appears twice; the first is on line 1$/,
  ],
  ['secrets:\n  a: *hush\n', /^f:2:6: /],
  ['secrets:\n  a: &hush word\n', /^f:2:\d+: a: begins with a character/],
  ['secrets:\n  a: !hush word\n', /^f:2:6: is not valid YAML \(TAG_RESOLVE_FAILED\)$/],
  ['secrets:\n  a: !!hush word\n', /^f:2:6: /],
  ['secrets:\n  a: x #hush\n', /^f:2:6: a: YAML reads the text from # on as a comment$/],
  ['secrets:\n  a: {hush}\n', /^f:2:6: a: expected text$/],
  ['secrets:\n  a: [hush]\n', /^f:2:6: a: expected text$/],
  ['secrets:\n  a: @hush\n', /^f:2:6: is not valid YAML/],
  ["secrets:\n  a: 'hush\n", /^f:\d+:\d+: is not valid YAML/],
  ['secrets:\n  a: b: hush\n', /^f:2:\d+: is not valid YAML/],
  ['secrets:\n  a: x\n b: hush\n', /^f:3:\d+: is not valid YAML/],
  ['secrets:\n  a:\n', /a: expected text, found none$/],
  ['secrets:\n  a: ""\n', /a: expected text, found none$/],
  ['secrets:\n  a b: hush\n', /^f:2:3: this is not a valid name of a secret$/],
  ['secrets:\n  [a]: hush\n', /^f:2:3: expected a name$/],
  ['secrets: hush\n', /^f:1:10: secrets: expected a map$/],
  ['recipients: hush\nsecrets: {}\n', /^f:1:13: recipients: expected a list$/],
  ['a: hush\n', /^f:1:1: unknown key$/],
  ['hush: x\n', /^f:1:1: unknown key$/],
  ['hush: x\nhush: y\n', /^f:2:1: this key appears twice; the first is on line 1$/],
  [
    'secrets:\n  hush x: y\n  hush x: z\n',
    /^f:3:3: this key appears twice; the first is on line 2$/,
  ],
  ['secrets:\n  ? [hush]\n  : x\n', /^f:2:\d+: expected a name$/],
  ['secrets:\n  a: >hush\n', /^f:2:\d+: is not valid YAML/],
  ['secrets:\n  a: "\\hush"\n', /^f:2:\d+: is not valid YAML/],
  ['hush', /^f:1:1: the file: expected a map$/],
  ['', /^f:1:1: the file: expected a map$/],
  ['secrets: {}\n---\na: hush\n', /^f:\d+:\d+: is not valid YAML \(MULTIPLE_DOCS\)$/],
]

t.test('an error has the place and never the text', async t => {
  for (const [text, message] of WRONG) {
    const error: unknown = await parse(text).catch((e: unknown) => e)
    t.match(error, { name: 'UsageError', message }, text)
    t.notMatch(`${String(error)} ${(error as { hint?: string }).hint ?? ''}`, 'hush', text)
  }
})

const VALUES = [
  'plain',
  ' spaces around ',
  '0123',
  '!x',
  '*x',
  '&x',
  '# x',
  'a: b',
  'it\'s "quoted" \\ and $(more) `x`',
  'tab\there',
  'one\ntwo\n',
  'one\ntwo',
  '\n\nlate',
  'cr\r\nlf\r\n',
  ' indented\n  more\n',
  'trailing \nspaces ',
  'x\n\n\n',
  'ümläut ‹secret› 🔑',
  '\u0001\u007f\u0085\u2028',
  'x'.repeat(5000),
]

t.test('a stored value comes back unchanged', async t => {
  for (const value of VALUES) {
    const text = await withSecret(emptyDocument(['age1a']), 'f', 'name', value)
    t.equal((await parse(text)).secrets.get('name'), value)
    const again = await withSecret(text, 'f', 'other', 'x')
    t.equal((await parse(again)).secrets.get('name'), value)
  }
})

t.test('set and rekey keep order and comments', async t => {
  const before = '# mine\nrecipients:\n  - age1a\nsecrets:\n  b: "1" # why\n\n  # about a\n  a: x\n'
  const after = await withSecret(before, 'f', 'b', '2')
  t.match(after, /# mine[\s\S]*b: "2"[\s\S]*# about a\n {2}a: x\n/)
  const rekeyed = await withRecipients(after, 'f', ['age1b', 'age1c'])
  t.same((await parse(rekeyed)).recipients, ['age1b', 'age1c'])
  t.match(rekeyed, '# about a')
  t.same((await parse(await withRecipients(after, 'f', []))).recipients, [])
})

t.test('names', t => {
  for (const name of ['a', '_x', 'postgres_password', 'a.b-c9'])
    t.doesNotThrow(() => checkName(name))
  for (const name of ['', '9a', 'a b', '-a', 'a\n', 'a:b', '$(x)'])
    t.throws(() => checkName(name), { name: 'UsageError' }, JSON.stringify(name))
  t.end()
})
