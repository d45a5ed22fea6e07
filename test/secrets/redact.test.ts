import t from 'tap'
import { redact, redactor } from '../../lib/secrets/redact.ts'
import { Secret, secret } from '../../lib/secrets/secret.ts'
import { quote } from '../../lib/shell/quote.ts'

const GONE = '‹secret›'
const of = (...texts: string[]) => texts.map((text, i) => new Secret(text, `s${i}`))

t.test('texts that are redacted', t => {
  const table: readonly [text: string, secrets: string[], result: string][] = [
    ['password=hunter22!', ['hunter22'], `password=${GONE}!`],
    ['hunter22hunter22 hunter22', ['hunter22'], `${GONE} ${GONE}`],
    ['hunter22', ['hunter22'], GONE],
    ['nothing here', ['hunter22'], 'nothing here'],
    ['abc', ['abc'], 'abc'],
    ['', ['hunter22'], ''],
    // One secret inside another, and two that overlap: nothing of either is left.
    ['x-hunter22-y', ['hunter', 'hunter22'], `x-${GONE}-y`],
    ['abcdefgh', ['abcdef', 'defgh'], GONE],
    ['aaaaa', ['aaaa'], GONE],
    ['first line, then 2nd line', ['first line\n2nd line\n'], `${GONE}, then ${GONE}`],
    ['key: indented value!', ['a:\r\n  indented value\r\n'], `key: ${GONE}!`],
    ['$&$1', ['$&$1'], GONE],
    ['käse-ключ', ['käse-ключ'], GONE],
    [`${GONE} stays`, ['hunter22'], `${GONE} stays`],
  ]
  for (const [text, secrets, result] of table) t.equal(redact(text, of(...secrets)), result, text)
  t.end()
})

t.test('encoded forms of a secret', t => {
  const text = `it's a+b/c "ü" \\ 100%?&=\u{1f511}`
  const base64 = Buffer.from(text).toString('base64')
  const dresses: Record<string, string> = {
    base64,
    'base64 without padding': base64.replace(/=+$/, ''),
    base64url: Buffer.from(text).toString('base64url'),
    'HTTP basic authentication': Buffer.from(`user:${text}`).toString('base64'),
    'URL component': encodeURIComponent(text),
    'URL component in small hex': encodeURIComponent(text).replace(/%../g, s => s.toLowerCase()),
    'URL query': new URLSearchParams({ x: text }).toString().slice(2),
    'shell word': quote(text),
    'part of a shell word': quote(`--password=${text}`),
    JSON: JSON.stringify({ text }),
    'a line of a shell command': `psql -c ${quote(`alter role x password ${quote(text)}`)}`,
  }
  for (const [what, dress] of Object.entries(dresses)) {
    const result = redact(`<${dress}>`, of(text))
    t.match(result, GONE, what)
    for (const piece of ['a+b', 'a%2', '100', '1f511', base64.slice(8, 16)])
      t.notMatch(result, piece, `${what}: ${piece}`)
  }
  t.end()
})

t.test('wrapped base64', t => {
  const key = Array.from({ length: 30 }, (_, i) => `line ${i * 7919} of a key`).join('\n')
  const base64 = Buffer.from(key).toString('base64')
  for (const width of [64, 76]) {
    const lines = base64.match(new RegExp(`.{1,${width}}`, 'g'))!
    const result = redact(lines.join('\n'), of(key))
    for (const line of lines) t.notMatch(result, line)
  }
  t.end()
})

t.test('a text made of secrets', t => {
  const password = new Secret('hunter22', 'password')
  const whole = secret`user=app\npassword=${password}\n`
  t.equal(redact('user=app and hunter22', [whole, password]), `${GONE} and ${GONE}`)
  t.end()
})

t.test('a redactor for a thousand secrets is fast on a line', t => {
  const secrets = of(...Array.from({ length: 1000 }, (_, i) => `secret-number-${i * 7919}`))
  const clean = redactor(secrets)
  const text = `${'some output of a command\n'.repeat(40)}secret-number-${999 * 7919}`
  clean(text)
  const start = process.cpuUsage()
  for (let i = 0; i < 20; i++) clean(text)
  const { user } = process.cpuUsage(start)
  t.match(clean(text), GONE)
  t.comment(`${user / 20_000} ms`)
  t.end()
})

t.test('a secret that is added later is redacted from then on', t => {
  const secrets: Secret[] = []
  const hide = redactor(secrets)
  t.equal(hide('hunter22'), 'hunter22')
  secrets.push(new Secret('hunter22'))
  t.equal(hide('hunter22'), GONE)
  t.end()
})
