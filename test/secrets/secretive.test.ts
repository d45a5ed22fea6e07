import t from 'tap'
import { isSecretive, shownPath, withoutSecrets } from '../../lib/secrets/secretive.ts'

t.test('names of places whose value an error must not show', t => {
  const secretive = [
    ['hosts', 'db1', 'vars', 'db_password'],
    ['users', 0, 'pw'],
    ['wifi-psk'],
    ['apiToken'],
    ['ssh', 'passphrase'],
    ['totp', 'otp'],
    ['aws', 'credentials', 'id'],
    ['auth.basic'],
    ['PWD'],
  ]
  const plain = [['hosts', 'db1', 'os'], ['author'], ['pinned'], ['bypass_list'], [0, 1], []]
  for (const path of secretive) t.ok(isSecretive(path), path.join('.'))
  for (const path of plain) t.notOk(isSecretive(path), path.join('.'))
  t.end()
})

t.test('a value as an error may show it', t => {
  const rows: readonly [text: string, shown: string | undefined][] = [
    ['plain text', 'plain text'],
    ['https://example.org/a', 'https://example.org/a'],
    ['https://user:hunter22@example.org/a', 'https://***@example.org/a'],
    ['postgres://app:p@ss@db/x', 'postgres://***@db/x'],
    ['app:hunter22@db', '***@db'],
    ['dsn app:hunter22@db', 'dsn ***@db'],
    ['root@db', 'root@db'],
    ['AGE-SECRET-KEY-1ABC', undefined],
    ['x\n-----BEGIN OPENSSH PRIVATE KEY-----\n', undefined],
    ['-----BEGIN PRIVATE KEY-----', undefined],
    ['-----BEGIN CERTIFICATE-----', '-----BEGIN CERTIFICATE-----'],
  ]
  for (const [text, shown] of rows) t.equal(withoutSecrets(text), shown, text)
  t.end()
})

t.test('a path as an error may show it: what is no path may be a passphrase', t => {
  const hidden = '‹not shown: not a path›'
  const rows: readonly [path: string, exists: boolean, shown: string][] = [
    ['/home/a/id', false, '/home/a/id'],
    ['identity.txt', false, 'identity.txt'],
    ['hunter22', false, hidden],
    ['hunter22', true, 'hunter22'],
    ['correct horse. battery', false, hidden],
    ['./AGE-SECRET-KEY-1ABC', false, hidden],
  ]
  for (const [path, exists, shown] of rows) t.equal(shownPath(path, exists), shown, path)
  t.end()
})
