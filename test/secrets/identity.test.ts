import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createIdentity,
  identityPath,
  readIdentities,
  recipientsOf,
} from '../../lib/secrets/identity.ts'
import { newKey } from './keys.ts'

t.test('which file has the identity', t => {
  t.equal(identityPath({ HOME: '/home/a', FMC_AGE_IDENTITY: '/b' }, '/given'), '/given')
  t.equal(identityPath({ HOME: '/home/a', FMC_AGE_IDENTITY: '/b' }), '/b')
  t.equal(
    identityPath({ HOME: '/home/a', FMC_AGE_IDENTITY: '' }),
    '/home/a/.config/fmc/identity.txt',
  )
  t.end()
})

t.test('a new identity: for its owner only, and never in place of another', async t => {
  const path = join(t.testdir(), 'new', 'deep', 'identity.txt')
  const identity = await createIdentity(path)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  const read = await readIdentities(path)
  t.same(
    read?.map(one => one.reveal()),
    [identity.reveal()],
  )
  const [recipient = ''] = await recipientsOf([identity])
  t.match(readFileSync(path, 'utf8'), `# public key: ${recipient}\n`)
  t.match(recipient, /^age1/)
  await t.rejects(createIdentity(path), {
    name: 'UsageError',
    message: `${path} cannot be written: EEXIST`,
  })
  t.same(
    (await readIdentities(path))?.map(one => one.reveal()),
    [identity.reveal()],
    'the first one is still there',
  )
})

t.test('files that hold no identity', async t => {
  const dir = t.testdir()
  const { identity } = await newKey()
  const rows: readonly [what: string, text: string, message: RegExp][] = [
    ['empty', '', /empty contains no age identity$/],
    ['comments', '# public key: age1x\n\n', /comments contains no age identity$/],
    ['recipient', 'age1abc\n', /recipient:1: expected an age identity \(AGE-SECRET-KEY-1…\)$/],
    ['second', `# a\n${identity.reveal()}\nhunter22\n`, /second:3: expected an age identity/],
    ['armored', '-----BEGIN AGE ENCRYPTED FILE-----\n', /armored is itself encrypted/],
    ['encrypted', 'age-encryption.org/v1\n', /encrypted is itself encrypted/],
  ]
  for (const [what, text, message] of rows) {
    const path = join(dir, what)
    writeFileSync(path, text, { mode: 0o600 })
    const error: unknown = await readIdentities(path).catch((e: unknown) => e)
    t.match(error, { name: 'UsageError', message }, what)
    t.notMatch(String(error), /hunter22|AGE-SECRET-KEY-1[A-Z0-9]/)
  }
  t.equal(await readIdentities(join(dir, 'none')), undefined, 'no file is no error')
  mkdirSync(join(dir, 'folder'), { mode: 0o700 })
  await t.rejects(readIdentities(join(dir, 'folder')), {
    message: /folder cannot be read: EISDIR$/,
  })
  await t.rejects(readIdentities(join(dir, 'empty', 'x')), { message: /cannot be read: ENOTDIR$/ })
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(join(dir, 'empty'), mode)
    await t.rejects(readIdentities(join(dir, 'empty')), {
      message: new RegExp(`can be read by other users \\(mode 0${mode.toString(8)}\\)$`),
      hint: `chmod 600 ${join(dir, 'empty')}`,
    })
  }
})
