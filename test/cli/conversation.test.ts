// What --debug writes: every script and answer of a host, and never a secret.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { hider, recordConversation } from '../../lib/cli/conversation.ts'
import { allSecrets, scriptAround, Secret } from '../../lib/secrets/secret.ts'
import { quote } from '../../lib/shell/quote.ts'
import type { OpenSession, Output } from '../../lib/ssh/types.ts'

const SESSION = {
  target: { name: 'a/b', address: '', port: 22, user: 'root', sudo: false },
  trips: 0,
  word: '',
  shellPid: 1,
  lost: false,
  upload: () => Promise.resolve(),
  connected: () => Promise.reject(new Error('a double')),
  interrupt: () => Promise.resolve(),
  close: () => undefined,
}

void t.test('one file per host, which only the user can read', async t => {
  const dir = join(t.testdir({}), 'x.debug')
  const secrets: Secret[] = []
  const conversation = recordConversation(dir, secrets)
  const open: OpenSession = target =>
    Promise.resolve({
      session: {
        ...SESSION,
        target,
        run: (script: string): Promise<Output> =>
          script === 'lost'
            ? Promise.reject(new Error('the connection was lost'))
            : Promise.resolve({
                code: 3,
                stdout: 'the token is tok3n-value\n',
                stderr: '\u001b[31mred',
              }),
      },
      first: Promise.resolve({ code: 0, stdout: 'booted', stderr: '' }),
    })
  const { session } = await conversation.watch(open)(SESSION.target, 'boot it')
  const { stdout } = await session.run("cat 'tok3n-value'")
  // As a role does with what it has read.
  secrets.push(new Secret(/tok3\S+/.exec(stdout)?.[0] ?? ''))
  await t.rejects(session.run('lost'))
  await turn()
  t.equal(await conversation.end(), undefined)
  const file = join(dir, 'a%2Fb.log')
  t.equal(statSync(dir).mode & 0o777, 0o700)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const text = readFileSync(file, 'utf8')
  t.match(text, /--- script\n {2}boot it\n--- stdout\n {2}booted\n--- exit code 0\n/)
  t.match(text, /--- script\n {2}cat '?‹secret›'?\n--- stdout\n {2}the token is ‹secret›\n/)
  t.match(text, /--- stderr\n {2}\^\[\[31mred\n--- exit code 3\n/)
  t.match(text, /--- error\n {2}Error: the connection was lost\n/)
  t.notMatch(text, 'tok3n')
})

const ODD = ['a', 'X', '0', '9', ' ', "'", '"', '\\', '$', '%', 'ä', '\n', '\0']

void t.test('no secret is in it, however it was written', t => {
  const canary = fc
    .array(fc.constantFrom(...ODD), { minLength: 6, maxLength: 30 })
    .map(chars => `ca${chars.join('')}ry`)
  fc.assert(
    fc.property(canary, text => {
      const bytes = [...Buffer.from(text)]
      const written = [
        text.includes('\0') ? '' : `printf %s ${quote(text)}`,
        text.includes('\0') ? '' : `eval ${quote(`printf %s ${quote(text)}`)}`,
        `printf '${bytes.map(b => `\\${b.toString(8).padStart(3, '0')}`).join('')}'`,
        JSON.stringify({ password: text }),
        Buffer.from(text).toString('base64'),
      ]
      const shown = hider([new Secret(text)])('cat', written).join('\n')
      const needles = [
        text,
        bytes.map(b => `\\${b.toString(8).padStart(3, '0')}`).join(''),
        JSON.stringify(text).slice(1, -1),
        Buffer.from(text).toString('base64'),
      ]
      return needles.every(needle => !shown.includes(needle))
    }),
  )
  const [script, out] = hider([])('base64 -w0 -- /etc/key', [
    'base64 -w0 -- /etc/key',
    'c2VjcmV0c2VjcmV0\n-\n',
  ])
  t.equal(script, 'base64 -w0 -- /etc/key')
  t.equal(out, '‹16 of base64›\n-\n', 'a file that no role has made a secret of yet')
  t.end()
})

void t.test(
  'secrets are listed from the moment that they are made; scripts around them are not',
  t => {
    const listed = allSecrets()
    const one = new Secret('one')
    scriptAround('umask 022\nprintf one', one)
    t.strictSame([...listed], [one])
    t.end()
  },
)
