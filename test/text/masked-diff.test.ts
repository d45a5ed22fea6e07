import fc from 'fast-check'
import t from 'tap'
import { piecesOf, Secret, secret } from '../../lib/secrets/secret.ts'
import { maskedDiff } from '../../lib/text/masked-diff.ts'

const diff = (before: string | undefined, after: Secret): string[] =>
  maskedDiff('/etc/app', before, piecesOf(after)).split('\n').slice(2, -1)
const pw = new Secret('canary-new', 'password')

void t.test('the other lines are shown, the value is not', t => {
  const after = secret`host=db2\npassword=${pw}\nport=${5432}\n`
  for (const [title, before, expected] of [
    [
      'a line beside an unchanged secret',
      'host=db1\npassword=canary-new\nport=5432\n',
      ['@@ -1,3 +1,3 @@', '-host=db1', '+host=db2', ' password=‹secret›', ' port=5432'],
    ],
    [
      'a rotated secret',
      'host=db2\npassword=canary-old\nport=5432\n',
      [
        '@@ -1,3 +1,3 @@',
        ' host=db2',
        '-password=‹old secret›',
        '+password=‹secret›',
        ' port=5432',
      ],
    ],
    [
      'written in another way',
      'host=db2\nPASSWORD: canary-old\nport=5432\n',
      ['@@ -1,3 +1,3 @@', ' host=db2', '-‹old secret›', '+password=‹secret›', ' port=5432'],
    ],
    [
      'another secret, and a line that is none',
      'host=db2\ndebug=true\napi_token=canary-old\nx=canary0123456789abcdef\npassword=canary-new\nport=5432\n',
      [
        '@@ -1,6 +1,3 @@',
        ' host=db2',
        '-debug=true',
        '-‹old secret›',
        '-‹old secret›',
        ' password=‹secret›',
        ' port=5432',
      ],
    ],
    [
      'the password of a URL',
      'host=db2\ndb: postgres://app:canary@db2/app\npassword=canary-new\nport=5432\n',
      ['@@ -1,4 +1,3 @@', ' host=db2', '-‹old secret›', ' password=‹secret›', ' port=5432'],
    ],
    ['a new file', undefined, ['@@ -0,0 +1,3 @@', '+host=db2', '+password=‹secret›', '+port=5432']],
  ] as const)
    t.strictSame(diff(before, after), expected, title)
  t.end()
})

void t.test('old secrets that fmc does not know are hidden under their usual names', t => {
  for (const key of ['requirepass', 'rootpw', 'masterpass', 'wpa_psk=', 'user_pin=', 'rocommunity'])
    t.notMatch(
      diff(`${key} canary\n`, secret`user default on ${new Secret('next')}\n`).join('\n'),
      /canary/,
      key,
    )
  t.end()
})

void t.test('the text around a secret may have the signs of a replacement', t => {
  const after = secret`IFS=$'x' pw=${pw} $& $$\nport=${5432}\n`
  t.strictSame(diff(`IFS=$'x' pw=canary-new $& $$\nport=1\n`, after), [
    '@@ -1,2 +1,2 @@',
    " IFS=$'x' pw=‹secret› $& $$",
    '-port=1',
    '+port=5432',
  ])
  t.end()
})

void t.test('a secret of several lines, and one that is put together', t => {
  const key = new Secret('BEGIN canary\ncanary2\nEND canary', 'key')
  const part = secret`[Peer]\nPresharedKey = ${pw}\n`
  const after = secret`# key\n${key}\n${part}MTU = 1420\n`
  t.strictSame(diff('# key\nold canary 1\nold canary 2\n[Peer]\nPresharedKey = canary\n', after), [
    '@@ -1,5 +1,5 @@',
    ' # key',
    '-‹old secret›',
    '-‹old secret›',
    '+‹secret›',
    ' [Peer]',
    '-PresharedKey = ‹old secret›',
    '+PresharedKey = ‹secret›',
    '+MTU = 1420',
  ])
  t.end()
})

void t.test(
  'whatever stands around them: no secret, old or new, is in a diff; every new line is',
  t => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/)
    const value = fc.stringMatching(/^CANARY[A-Z0-9]{1,12}$/)
    const lines = fc.array(fc.tuple(word, word, fc.boolean(), value, value), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(lines, fc.constantFrom('=', ': ', ' '), (all, sign) => {
        const before = all.map(
          ([key, text, hidden, old]) => `${key}${sign}${hidden ? old : text}\n`,
        )
        const parts = all.map(([key, text, hidden, , next]) =>
          hidden ? secret`${key}${sign}${new Secret(next)}\n` : secret`${key}${sign}${text}x\n`,
        )
        const after = parts.reduce((sum, part) => secret`${sum}${part}`)
        const shown = diff(before.join(''), after).join('\n')
        if (shown.includes('CANARY')) throw new Error(shown)
        for (const [key, text, hidden] of all)
          if (!hidden && !shown.includes(`${key}${sign}${text}x`)) throw new Error(shown)
      }),
    )
    t.pass('held')
    t.end()
  },
)
