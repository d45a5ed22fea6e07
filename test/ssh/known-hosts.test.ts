import { createHmac } from 'node:crypto'
import t from 'tap'
import {
  fingerprint,
  hostKeyOrder,
  judge,
  keyType,
  knownFor,
  knownName,
  parseKnownHosts,
} from '../../lib/ssh/known-hosts.ts'
import { keygen, publicKey } from './rig.ts'
import { execFileSync } from 'node:child_process'

const A = 'AAAAC3NzaC1lZDI1NTE5AAAAIA=='
const B = 'AAAAB3NzaC1yc2EAAAADAQABAA=='
const key = (text: string): Buffer => Buffer.from(text, 'base64')
const hashed = (name: string): string => {
  const salt = Buffer.alloc(20, 7)
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

void t.test('finds the lines that match a host', t => {
  const rows: [hosts: string, host: string, port: number, hit: boolean][] = [
    ['web1', 'web1', 22, true],
    ['web1', 'WEB1', 22, true],
    ['WEB1', 'web1', 22, true],
    ['web1', 'web10', 22, false],
    ['web1', 'web1', 2222, false],
    ['[web1]:2222', 'web1', 2222, true],
    ['[web1]:2222', 'web1', 22, false],
    ['web1,10.0.0.1', '10.0.0.1', 22, true],
    ['*.lan', 'a.lan', 22, true],
    ['*.lan', 'alan', 22, false],
    ['*a*b*c*', 'xaxbxc', 22, true],
    ['*a*b*c', 'xaxbxcx', 22, false],
    ['WEB*', 'web1', 22, true],
    ['**', 'web1', 22, true],
    ['a.b', 'axb', 22, false],
    [`${'*a'.repeat(40)}x`, 'a'.repeat(250), 22, false],
    ['web?', 'web1', 22, true],
    ['web?', 'web', 22, false],
    ['*.lan,!bad.lan', 'good.lan', 22, true],
    ['*.lan,!bad.lan', 'bad.lan', 22, false],
    ['!bad.lan', 'good.lan', 22, false],
    ['[*.lan]:2222', 'a.lan', 2222, true],
    ['[fe80::1]:2222', 'fe80::1', 2222, true],
    [hashed('web1'), 'web1', 22, true],
    [hashed('web1'), 'web2', 22, false],
    [hashed('[web1]:2222'), 'web1', 2222, true],
    ['|1|broken', 'web1', 22, false],
  ]
  for (const [hosts, host, port, hit] of rows) {
    const found = knownFor(parseKnownHosts(`${hosts} ssh-ed25519 ${A}`, 'f'), knownName(host, port))
    t.equal(found.length === 1, hit, `${hosts} ${host}:${port}`)
  }
  t.end()
})

void t.test('skips lines that are not entries', t => {
  const text = `# web1 ssh-ed25519 ${A}\n\nweb1\n@odd web1 ssh-ed25519 ${A}\n  web1 ssh-ed25519 ${A} comment\r\n@revoked * ssh-rsa ${B}`
  t.same(
    parseKnownHosts(text, 'f').map(e => [e.where, e.marker, e.type]),
    [
      ['f:5', undefined, 'ssh-ed25519'],
      ['f:6', '@revoked', 'ssh-rsa'],
    ],
  )
  t.end()
})

void t.test('judges a key by the entries', t => {
  const plain = parseKnownHosts(`h ssh-ed25519 ${A}`, 'f')
  t.same(judge(plain, key(A)), { kind: 'known' })
  t.match(judge(plain, key(B)), { kind: 'changed', known: [{ where: 'f:1' }] })
  t.same(judge([], key(A)), { kind: 'unknown' })
  t.same(judge(parseKnownHosts(`@cert-authority h ssh-ed25519 ${A}`, 'f'), key(A)), {
    kind: 'unknown',
  })
  const revoked = parseKnownHosts(`h ssh-ed25519 ${A}\n@revoked * ssh-ed25519 ${A}`, 'f')
  t.same(judge(revoked, key(A)), { kind: 'revoked', where: 'f:2' })
  t.end()
})

void t.test('offers known key types first', t => {
  t.same(hostKeyOrder(parseKnownHosts(`h ssh-rsa ${B}`, 'f')).slice(0, 3), [
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-ed25519',
  ])
  t.equal(hostKeyOrder([]).length, 6)
  t.end()
})

void t.test('computes type and fingerprint like ssh-keygen', t => {
  const file = keygen(`${t.testdir()}/k`, 'ecdsa')
  const blob = key(publicKey(file).split(' ')[1] ?? '')
  t.equal(keyType(blob), 'ecdsa-sha2-nistp256')
  t.equal(keyType(Buffer.from([0, 0, 1])), '', 'what is no key blob has no type')
  t.match(execFileSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }), ` ${fingerprint(blob)} `)
  t.end()
})
