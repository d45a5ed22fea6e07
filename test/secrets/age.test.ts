import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption'
import t from 'tap'
import { lockKind, seal, unseal } from '../../lib/secrets/age.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { newKey } from './keys.ts'

const TEXT = 'secrets:\n  a: "käse ‹x›"\n'
const right = new Secret('correct horse')

t.test('a text for recipients opens with the identity of each, and no other', async t => {
  const [one, two, other] = await Promise.all([newKey(), newKey(), newKey()])
  const sealed = Buffer.from(await seal(TEXT, { recipients: [one.recipient, two.recipient] }))
  t.match(sealed.toString(), /^-----BEGIN AGE ENCRYPTED FILE-----\n[^-]+-----END .*-----\n$/)
  t.equal(await lockKind(sealed, 'f'), 'recipients')
  t.equal(await unseal(sealed, { identities: [one.identity] }, 'f'), TEXT)
  t.equal(await unseal(sealed, { identities: [other.identity, two.identity] }, 'f'), TEXT)
  t.equal(await unseal(sealed, { identities: [other.identity] }, 'f'), null)
  t.equal(await unseal(sealed, { passphrase: right }, 'f'), null)
})

t.test('a file that is not armored opens too, and a post-quantum one', async t => {
  const identity = await generateHybridIdentity()
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(identity))
  const sealed = Buffer.from(await encrypter.encrypt(TEXT))
  t.equal(await lockKind(sealed, 'f'), 'recipients')
  t.equal(await unseal(sealed, { identities: [new Secret(identity)] }, 'f'), TEXT)
})

t.test('our passphrase stanza and the library can read each other', async t => {
  const sealed = Buffer.from(await seal(TEXT, { passphrase: right, workFactor: 8 }))
  t.equal(await lockKind(sealed, 'f'), 'passphrase')
  t.equal(await unseal(sealed, { passphrase: right }, 'f'), TEXT)
  t.equal(await unseal(sealed, { passphrase: new Secret('correct horsf') }, 'f'), null)

  const { armor } = await import('age-encryption')
  const theirs = new Decrypter()
  theirs.addPassphrase(right.reveal())
  t.equal(await theirs.decrypt(armor.decode(sealed.toString()), 'text'), TEXT)

  const encrypter = new Encrypter()
  encrypter.setPassphrase(right.reveal())
  encrypter.setScryptWorkFactor(8)
  const made = Buffer.from(await encrypter.encrypt(TEXT))
  t.equal(await unseal(made, { passphrase: right }, 'f'), TEXT)
})

t.test('a work factor that would hang the machine is refused', async t => {
  const encrypter = new Encrypter()
  const { Stanza } = await import('age-encryption')
  const body = new Uint8Array(32)
  encrypter.addRecipient({
    wrapFileKey: () => [new Stanza(['scrypt', 'A'.repeat(22), '30'], body)],
  })
  const made = Buffer.from(await encrypter.encrypt(TEXT))
  await t.rejects(unseal(made, { passphrase: right }, 'f'), {
    message: 'f is damaged, or not an age file',
  })
})

t.test('a damaged file is an error and never decrypts to another text', async t => {
  const { identity, recipient } = await newKey()
  const sealed = await seal(TEXT, { recipients: [recipient] })
  const lines = sealed.split('\n')
  const middle = Math.floor(lines.length / 2)
  const flipped = lines.map((line, i) =>
    i === middle ? `${line.startsWith('A') ? 'B' : 'A'}${line.slice(1)}` : line,
  )
  const damaged: Record<string, string> = {
    empty: '',
    text: 'secrets:\n  a: b\n',
    'cut off': sealed.slice(0, 200),
    'a line lost': lines.filter((_, i) => i !== middle).join('\n'),
    'a character changed': flipped.join('\n'),
  }
  for (const [what, data] of Object.entries(damaged)) {
    const open = async () => {
      await lockKind(Buffer.from(data), 'f')
      return unseal(Buffer.from(data), { identities: [identity] }, 'f')
    }
    await t.rejects(
      open(),
      { name: 'UsageError', message: 'f is damaged, or not an age file' },
      what,
    )
  }
})

t.test('an invalid recipient is named in the error unless it is an identity', async t => {
  const { identity } = await newKey()
  await t.rejects(seal('', { recipients: ['age1nonsense'] }), {
    message: /"age1nonsense" is not an age/,
  })
  const error: unknown = await seal('', { recipients: [identity.reveal()] }).catch(
    (e: unknown) => e,
  )
  t.match(error, { message: /identity .* given as a recipient/ })
  t.notMatch(String(error), identity.reveal())
})
