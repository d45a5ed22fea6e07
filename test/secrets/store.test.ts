import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../lib/secrets/secret.ts'
import {
  openSecrets,
  openStore,
  passphrase,
  replaceFile,
  saveStore,
  secretNamed,
} from '../../lib/secrets/store.ts'
import { newKeyFile, saveSecrets } from './keys.ts'

const VALUES = new Map<string, string | Secret>([
  ['db_password', new Secret('hunter22')],
  ['tls_key', '-----BEGIN\nkey\n-----END\n'],
])

/** A directory with a secrets file and the identity that opens it. */
const fixture = async (t: { testdir: () => string }) => {
  const dir = t.testdir()
  const me = await newKeyFile(join(dir, 'me.txt'))
  const other = await newKeyFile(join(dir, 'other.txt'))
  const file = join(dir, 'secrets.age')
  await saveSecrets(file, VALUES, { recipients: [me.recipient] })
  return { dir, file, me, other }
}

t.test('saved and opened', async t => {
  const { file, me } = await fixture(t)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notMatch(readFileSync(file, 'latin1'), /hunter22|db_password|secrets/)
  const secrets = await openSecrets(file, { identity: me.path })
  t.same([...secrets.keys()], ['db_password', 'tls_key'])
  t.equal(secrets.get('db_password')?.reveal(), 'hunter22')
  t.equal(secrets.get('tls_key')?.reveal(), '-----BEGIN\nkey\n-----END\n')
  t.notMatch(JSON.stringify([...secrets]), 'hunter22')
  const env = { FMC_AGE_IDENTITY: me.path }
  t.equal((await openSecrets(file, { env })).size, 2, 'identity from the environment')
})

t.test('the default identity is below the home directory', async t => {
  const { dir, file } = await fixture(t)
  await t.rejects(openSecrets(file, { env: { HOME: dir } }), {
    message: `${file} is encrypted, and there is no identity file ${dir}/.config/fmc/identity.txt`,
  })
})

t.test('keys that do not fit', async t => {
  const { dir, file, me, other } = await fixture(t)
  const open = (identity: string) => openSecrets(file, { identity })
  await t.rejects(open(other.path), {
    name: 'UsageError',
    message: `${other.path} does not open ${file}: it is encrypted to other recipients`,
  })
  chmodSync(me.path, 0o640)
  await t.rejects(open(me.path), {
    message: `${me.path} can be read by other users (mode 0640)`,
    hint: `chmod 600 ${me.path}`,
  })
  const texts: readonly [text: string, message: RegExp][] = [
    [`# mine\n${me.identity.reveal()}x\n`, /bad:2: expected an age identity/],
    [`${me.recipient}\n`, /bad:1: expected an age identity/],
    ['# nothing\n', /bad contains no age identity/],
    ['-----BEGIN AGE ENCRYPTED FILE-----\n', /bad is itself encrypted/],
  ]
  for (const [text, message] of texts) {
    const bad = join(dir, 'bad')
    writeFileSync(bad, text, { mode: 0o600 })
    const error: unknown = await open(bad).catch((e: unknown) => e)
    t.match(error, { name: 'UsageError', message })
    t.notMatch(String(error), me.identity.reveal())
  }
  await t.rejects(open(dir), { message: /can be read by other users|cannot be read: EISDIR/ })
})

t.test('no file, or one that is damaged', async t => {
  const { dir, file, me } = await fixture(t)
  await t.rejects(openSecrets(join(dir, 'none.age'), { identity: me.path }), {
    message: `there is no secrets file ${dir}/none.age`,
    hint: 'fmc secrets init',
  })
  writeFileSync(file, 'secrets:\n  a: b\n')
  await t.rejects(openSecrets(file, { identity: me.path }), {
    message: `${file} is damaged, or not an age file`,
  })
})

t.test('a passphrase, asked for or from a file', async t => {
  const dir = t.testdir({ pass: 'correct horse\n', empty: '\n', wrong: 'battery\n' })
  const file = join(dir, 'secrets.age')
  await saveSecrets(file, VALUES, { passphrase: new Secret('correct horse'), workFactor: 8 })
  const questions: string[] = []
  const prompt = (answer: string) => (question: string) => {
    questions.push(question)
    return Promise.resolve(answer)
  }
  t.equal((await openSecrets(file, { env: {}, prompt: prompt('correct horse') })).size, 2)
  t.same(questions, [`Passphrase of ${file}: `])
  await t.rejects(openSecrets(file, { env: {}, prompt: prompt('x') }), {
    message: `wrong passphrase for ${file}`,
  })
  await t.rejects(openSecrets(file, { env: {}, prompt: prompt('') }), {
    message: 'the passphrase is empty',
  })
  const from = (name: string) => ({ env: { FMC_AGE_PASSPHRASE_FILE: join(dir, name) } })
  for (const name of ['pass', 'empty', 'wrong']) chmodSync(join(dir, name), 0o600)
  t.equal((await openSecrets(file, from('pass'))).size, 2)
  await t.rejects(openSecrets(file, from('wrong')), { message: `wrong passphrase for ${file}` })
  await t.rejects(openSecrets(file, from('empty')), { message: 'the passphrase is empty' })
  await t.rejects(openSecrets(file, from('none')), { message: /there is no file .*none$/ })
  chmodSync(join(dir, 'pass'), 0o644)
  await t.rejects(passphrase('?', from('pass')), { message: /can be read by other users/ })
})

t.test('an unknown name', async t => {
  const { file, me } = await fixture(t)
  const secrets = await openSecrets(file, { identity: me.path })
  t.equal(secretNamed(secrets, 'db_password', file).reveal(), 'hunter22')
  t.throws(() => secretNamed(secrets, 'db_pasword', file, 'inventory.yaml:3:14'), {
    name: 'UsageError',
    message: `inventory.yaml:3:14: no secret db_pasword in ${file}`,
    hint: 'did you mean db_password?',
  })
})

t.test('an invalid text is not saved', async t => {
  const { dir, file, me, other } = await fixture(t)
  const before = readFileSync(file)
  const store = await openStore(file, { identity: me.path })
  const refused: readonly [text: string, message: RegExp][] = [
    ['secrets:\n  a: [x]\n', /secrets\.age:2:6: a: expected text/],
    ['secrets: {}\n', /would have no recipients/],
    [`recipients: [${other.recipient}]\nsecrets: {}\n`, /your own identity could no longer open/],
    ['recipients: [age1x]\nsecrets: {}\n', /"age1x" is not an age recipient/],
  ]
  for (const [text, message] of refused)
    await t.rejects(saveStore(store, text), { name: 'UsageError', message })
  t.same(readFileSync(file), before)
  t.same(readdirSync(dir).sort(), ['me.txt', 'other.txt', 'secrets.age'])

  const away = `recipients: [${other.recipient}]\nsecrets: {}\n`
  await saveStore(store, away, { force: true })
  t.equal((await openSecrets(file, { identity: other.path })).size, 0)
})

t.test('two simultaneous changes: neither is lost', async t => {
  const { file, me } = await fixture(t)
  const options = { identity: me.path }
  const [one, two] = [await openStore(file, options), await openStore(file, options)]
  await saveStore(one, one.text.replace('hunter22', 'by one'))
  await t.rejects(saveStore(two, two.text.replace('hunter22', 'by two')), {
    message: /someone else has changed/,
    hint: `your version is saved, encrypted, as ${file}.conflict`,
  })
  const value = async (f: string) => (await openSecrets(f, options)).get('db_password')?.reveal()
  t.equal(await value(file), 'by one')
  t.equal(await value(`${file}.conflict`), 'by two')
})

t.test('a file is replaced in one step', async t => {
  const dir = t.testdir({ real: 'old', folder: { x: '' } })
  chmodSync(join(dir, 'real'), 0o640)
  symlinkSync('real', join(dir, 'link'))
  await replaceFile(join(dir, 'link'), 'new')
  t.equal(readFileSync(join(dir, 'real'), 'utf8'), 'new', 'through a symbolic link')
  t.equal(statSync(join(dir, 'real')).mode & 0o777, 0o640, 'with the mode it had')
  await t.rejects(replaceFile(join(dir, 'folder'), 'x'), { message: /cannot be written: E/ })
  await t.rejects(replaceFile(join(dir, 'no/where'), 'x'), { message: /cannot be written: ENOENT/ })
  t.same(readdirSync(dir).sort(), ['folder', 'link', 'real'], 'nothing is left lying about')
})
