import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAnswers, resolve } from '../../lib/ssh/config.ts'
import { Shared } from '../../lib/ssh/dial.ts'
import type { Target } from '../../lib/ssh/types.ts'

const target: Target = { name: 'n', address: '10.0.0.1', port: 2200, user: 'core', sudo: true }

void t.test('parses the output of ssh -G', t => {
  const answers = parseAnswers('user core\nidentityfile ~/.ssh/a\nidentityfile /b c\nempty\n')
  t.same(
    [...answers],
    [
      ['user', ['core']],
      ['identityfile', ['~/.ssh/a', '/b c']],
    ],
  )
  t.end()
})

void t.test('the configuration completes a target and overrides nothing', async t => {
  const dir = t.testdir()
  const file = join(dir, 'config')
  writeFileSync(join(dir, 'more'), 'Host 10.*\n  IdentitiesOnly yes\n  HostKeyAlias the-alias\n')
  writeFileSync(
    file,
    `Include ${dir}/more\nMatch host 10.0.0.1 user core\n  IdentityAgent none\n  ProxyJump me@gate:2022,[fd00::1]:23\n` +
      `Host 10.0.0.1\n  User other\n  Port 7\n  HostName %h.lan\n  IdentityFile /keys/%n\n  UserKnownHostsFile /k1 /k2\n  GlobalKnownHostsFile none\n` +
      `Host gate\n  HostName gate.lan\n  IdentityFile /keys/gate\n`,
  )
  const route = await resolve(target, file)
  t.match(route, {
    host: '10.0.0.1.lan',
    known: { name: 'the-alias', bare: undefined },
    identitiesOnly: true,
    agent: undefined,
    knownHostsFiles: ['/k1', '/k2'],
    target: { user: 'core', port: 2200 },
    proxyCommand: undefined,
  })
  t.match(route.jumps, [
    {
      host: 'gate.lan',
      identityFiles: ['/keys/gate'],
      jumps: [],
      target: { user: 'me', port: 2022, sudo: false },
    },
    { host: 'fd00::1', target: { port: 23 } },
  ])
  const own = await resolve(
    { ...target, identityFiles: ['/mine'], knownHostsFiles: ['/own'] },
    file,
  )
  t.match(own, { identityFiles: ['/mine'], knownHostsFiles: ['/own'] })
})

void t.test('no configuration, and a broken one', async t => {
  const plain = await resolve({ ...target, useSshConfig: false })
  t.match(plain, { host: '10.0.0.1', known: { name: '[10.0.0.1]:2200' }, jumps: [] })
  t.match(plain.identityFiles[0], /\/\.ssh\/id_ed25519$/)
  t.match(await resolve(target), { host: '10.0.0.1', target: { port: 2200, user: 'core' } })
  const file = join(t.testdir(), 'broken')
  writeFileSync(file, 'Nonsense yes\n')
  await t.rejects(resolve(target, file), {
    name: 'UnreachableError',
    message: /ssh -G .*[Bb]ad configuration/s,
  })
})

void t.test('a jump host that jumps through itself is refused', async t => {
  const file = join(t.testdir(), 'loop')
  writeFileSync(file, 'Host a\n  ProxyJump b\nHost b\n  ProxyJump c\nHost c\n  ProxyJump b\n')
  await t.rejects(resolve({ ...target, address: 'a' }, file), {
    name: 'UnreachableError',
    message: /goes through itself/,
  })
})

void t.test('Shared closes after its last user and opens again after a failure', async t => {
  const closed: number[] = []
  const shared = new Shared<number>(n => closed.push(n))
  let opened = 0
  const open = (): Promise<number> => Promise.resolve(++opened)
  const [a, b] = await Promise.all([shared.use('x', open), shared.use('x', open)])
  t.equal(opened, 1)
  a.release()
  t.same(closed, [])
  b.release()
  t.same(closed, [1])
  t.equal((await shared.use('x', open)).thing, 2)
  await t.rejects(
    shared.use('y', () => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
  t.equal((await shared.use('y', open)).thing, 3)
})
