import { inspect } from 'node:util'
import t from 'tap'
import {
  allSecrets,
  piecesOf,
  reveal,
  scriptAround,
  secret,
  Secret,
} from '../../lib/secrets/secret.ts'

const HUSH = 'hush-hush'

t.test('no conversion to text shows it', t => {
  const hidden = new Secret(HUSH, 'api token')
  const texts = [
    String(hidden),
    hidden.toString(),
    ['in a list:', hidden].join(' '),
    JSON.stringify({ hidden }),
    inspect(hidden),
    inspect({ deep: [hidden] }, { depth: 9, showHidden: true }),
    Object.keys(hidden).join(),
    new Error(String(hidden)).message,
  ]
  for (const text of texts) t.notMatch(text, HUSH)
  t.equal(texts[0], '‹secret›')
  t.equal(hidden.name, 'api token')
  t.equal(new Secret('x').name, 'secret')
  t.equal(reveal(hidden), HUSH)
  t.equal(reveal('plain'), 'plain')
  t.end()
})

t.test('a text with secrets in it is one, and knows which pieces are secret', t => {
  const inner = secret`user=${'app'} password=${new Secret(HUSH, 'db password')}`
  const outer = secret`[${1}]${inner}\n`
  t.equal(outer.reveal(), `[1]user=app password=${HUSH}\n`)
  t.equal(outer.name, 'db password', 'the name of the first secret')
  t.equal(secret`none ${1}`.name, 'secret')
  const pieces = piecesOf(outer)
  t.equal(pieces.map(({ text }) => text).join(''), outer.reveal())
  t.same(
    pieces.filter(piece => piece.secret).map(({ text }) => text),
    [HUSH],
  )
  t.same(piecesOf(new Secret(HUSH)), [{ text: HUSH, secret: true }])
  t.end()
})

t.test('the list of all secrets, once it is asked for: scripts around one are not in it', t => {
  const before = new Secret('made before')
  const all = allSecrets()
  const one = new Secret(HUSH, 'one')
  const script = scriptAround(`echo ${HUSH}`, one)
  const two = new Secret('two')
  t.equal(script.name, 'one')
  t.same(
    [before, one, script, two].map(s => all.has(s)),
    [false, true, false, true],
  )
  t.equal(allSecrets(), all)
  t.end()
})
