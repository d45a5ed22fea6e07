// fmc support: what is in the archive, what is masked, and that no secret is in it.
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { readTar } from '../../lib/artifacts/tar.ts'
import { listLines, withReadme, writeArchive } from '../../lib/cli/support/archive.ts'
import { collect } from '../../lib/cli/support/collect.ts'
import { masked, masking } from '../../lib/cli/support/mask.ts'
import { labSecret } from '../../lib/lab/secrets.ts'
import { openRecorder } from '../../lib/record/index.ts'
import { redactor } from '../../lib/secrets/redact.ts'
import { Secret } from '../../lib/secrets/secret.ts'
import { Canaries } from '../rig/canaries.ts'
import { newKeyFile, saveSecrets } from '../secrets/keys.ts'

Object.assign(globalThis, { FMC_VERSION: '9.9.9' })

void t.test('addresses have names of their own archive', t => {
  const mask = masking(text => text)
  const [ip = ''] = /ip-[0-9a-f]{6}/.exec(mask('10.17.3.11')) ?? []
  t.equal(mask('10.17.3.11:6443 and https://10.17.3.11/'), `${ip}:6443 and https://${ip}/`)
  t.not(mask('10.17.3.12'), ip)
  t.not(masking(text => text)('10.17.3.11'), ip, 'another archive, another name')
  t.match(mask('addr fe80::1%eth0 2001:db8::5/64'), /^addr ip-\w{6} ip-\w{6}\/64$/)
  t.match(mask('52:54:00:ab:cd:ef'), /^mac-\w{6}$/)
  for (const plain of [
    '127.0.0.1',
    '0.0.0.0',
    '::1',
    'v1.2.3',
    '1.2.3.4.5',
    '12:30:45',
    'a::b::c',
    '2026-11-30T10:00:00Z',
  ])
    t.equal(mask(plain), plain)
  t.end()
})

void t.test('what has the form of a secret is hidden even if nobody knows it', t => {
  const mask = masking(text => text)
  const pem = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----'
  for (const [text, secret] of [
    [`x AGE-SECRET-KEY-1${'Q'.repeat(58)} y`, 'QQQQ'],
    [`key: ${pem} end`, 'b3Blbn'],
    [pem.slice(0, 50), 'b3Blbn'],
    [`K10${'a'.repeat(64)}::server:deadbeefdeadbeef`, 'deadbeef'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', 'c2lnbmF0'],
    ['postgres://app:hunter2@10.0.0.1/db', 'hunter2'],
  ] as const)
    t.notMatch(mask(text), secret, text.slice(0, 30))
  t.end()
})

void t.test('no known secret is left, whatever is around it', t => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 6, maxLength: 40 }).filter(s => s.trim() === s && !s.includes('ip-')),
      fc.string(),
      fc.string(),
      (value, before, after) => {
        const mask = masking(redactor([new Secret(value, 'test')]))
        const text = JSON.stringify(
          masked({ [`${before} ${value}`]: [`${before} ${value} ${after}`] }, mask),
        )
        return !(JSON.parse(text) as object as Record<string, string[]>)[
          Object.keys(JSON.parse(text) as object)[0] ?? ''
        ]?.[0]?.includes(value)
      },
    ),
    { numRuns: 200 },
  )
  t.pass('200 secrets')
  t.end()
})

const CANARY = 'correct-horse-battery-staple'

void t.test('the archive of a project', async t => {
  const dir = t.testdir({
    'inventory.yaml': `timezone: UTC
domain: test.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
all: { vars: { motd_text: 'password: ${CANARY}' } }
hosts:
  a: { os: debian 12, nics: [{ network: lan, address: 10.0.0.11 }] }
`,
  })
  const state = join(dir, 'state')
  const env = { ...process.env }
  Object.assign(process.env, { FMC_STATE: state, FMC_CACHE: join(dir, 'cache') })
  t.teardown(() => {
    process.env = env
  })
  const inventory = join(dir, 'inventory.yaml')
  const recorder = openRecorder(
    join(state, 'fmc/runs'),
    {
      command: 'play site',
      argv: ['play', 'site'],
      dryRun: true,
      readOnly: false,
      lab: false,
      inventory,
    },
    text => t.fail(text),
  )
  recorder.on({ type: 'version', fmc: '1', contract: 1 })
  recorder.on({
    ...{ type: 'task', host: 'a', play: 'p', role: 'motd', task: 'file /etc/motd', ms: 1 },
    ...{ status: 'changed', predicted: true, changes: [{ what: 'content', diff: `+${CANARY}` }] },
    note: 'asked 10.0.0.11',
  })
  recorder.end(0)
  const parts = await collect({ inventory, runs: '5' }, 5)
  const all = parts.map(p => p.text).join('\n')
  t.notMatch(all, CANARY, 'neither from a variable nor from a diff')
  t.notMatch(all, '10.0.0.11')
  const names = parts.map(p => p.path.replace(/runs\/.*/, 'runs/…'))
  t.same(names, ['versions.json', 'inventory.json', 'lint.txt', 'lab.json', 'runs/…'])
  t.match(all, '"name": "a"')
  t.match(all, '"motd_text"')
  t.match(all, /"note":"asked ip-\w{6}"/)

  const file = join(dir, 'out.tar.gz')
  const whole = withReadme(parts)
  t.match(listLines(whole)[0], /^ {4}\d{3} B {2}README\.txt/)
  const mask = process.umask(0)
  writeArchive(file, whole)
  process.umask(mask)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const members = readTar(gunzipSync(readFileSync(file)), 'out')
  t.same(
    members.map(m => m.path),
    whole.map(p => `fmc-support/${p.path}`),
  )
  t.same(
    members.map(m => m.content.toString()),
    whole.map(p => p.text),
  )
  t.match(execFileSync('tar', ['-tzf', file], { encoding: 'utf8' }), 'fmc-support/README.txt\n')
  writeFileSync(file, 'mine')
  t.throws(() => writeArchive(file, whole), /there is such a file already/)
  t.equal(readFileSync(file, 'utf8'), 'mine')

  writeFileSync(inventory, 'hosts: [')
  const broken = await collect({ inventory, runs: '5' }, 5)
  t.match(broken.find(p => p.path === 'inventory.json')?.text, /"error": ".*bad YAML/)
  t.match(
    broken.find(p => p.path === 'lint.txt')?.text,
    'bad YAML',
    'support works when the inventory does not',
  )
})

void t.test('no canary is in the archive, in any form, even if a record had one', async t => {
  const dir = t.testdir()
  const names = ['db_password', 'k3s_token']
  const values = new Map(names.map(name => [name, new Secret(labSecret(dir, name), name)]))
  const key = await newKeyFile(join(dir, 'identity.txt'))
  const inventory = join(dir, 'inventory.yaml')
  writeFileSync(
    inventory,
    `timezone: UTC
domain: test.internal
networks: { lan: { cidr: 10.0.0.0/24, mode: bridge, gateway: 10.0.0.1 } }
all: { vars: { a: !secret db_password, b: !secret k3s_token } }
hosts:
  a: { os: debian 12, nics: [{ network: lan, address: 10.0.0.11 }] }
`,
  )
  await saveSecrets(join(dir, 'secrets.age'), values, { recipients: [key.recipient] })
  const env = { ...process.env }
  Object.assign(process.env, { FMC_STATE: join(dir, 'state'), FMC_CACHE: join(dir, 'cache') })
  t.teardown(() => {
    process.env = env
  })
  const start = { command: 'play site', argv: [], dryRun: true, readOnly: false, lab: false }
  const recorder = openRecorder(join(dir, 'state/fmc/runs'), { ...start, inventory }, text =>
    t.fail(text),
  )
  recorder.on({ type: 'version', fmc: '1', contract: 1 })
  for (const [name, secret] of values) {
    const value = secret.reveal()
    for (const text of [
      value,
      Buffer.from(`x${value}`).toString('base64'),
      encodeURIComponent(value),
    ])
      recorder.on({ type: 'note', level: 'warning', text: `${name}=${text};` })
  }
  recorder.end(0)
  const canaries = new Canaries(inventory, dir)
  t.same(canaries.names, names)
  t.same(canaries.below(join(dir, 'state')).length, 2, 'the record has them')
  const parts = await collect({ inventory, runs: '5', identity: key.path }, 5)
  t.same(canaries.in(Buffer.from(parts.map(p => p.text).join('\n'))), [])
  const unread = await collect({ inventory, runs: '5', identity: join(dir, 'gone.txt') }, 5)
  t.match(unread[0]?.about, 'the secrets file could not be opened')
})
