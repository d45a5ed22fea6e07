// The kubeconfig on the controller: a server's answer goes into it field by field, and kubectl never runs any of it.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { Secret } from '../../lib/index.ts'
import { mergedInto, pointedTo } from '../../roles/kubeconfig/kubeconfig.ts'

const fixture = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../fixtures', name), 'utf8')

const K3S = fixture('k3s.yaml')
const SERVER = 'https://192.168.0.32:6443'
const NAME = 'cloud.internal'

interface Config {
  readonly clusters: { name: string; cluster: Record<string, unknown> }[]
  readonly users: { name: string; user: Record<string, unknown> }[]
  readonly contexts: { name: string }[]
}
const point = (text: string, name = NAME) =>
  pointedTo(new Secret(text, 'k3s.yaml of m1'), SERVER, name)

/** The server's file with something changed in it. */
const tampered = (change: (config: Config) => void): string => {
  const config = parse(K3S) as Config
  change(config)
  return stringify(config, { aliasDuplicateObjects: false })
}
const first = <T>(list: readonly T[]): T => {
  if (list[0] === undefined) throw new Error('empty')
  return list[0]
}
const { cluster: CLUSTER } = first((parse(K3S) as Config).clusters)
const { user: USER } = first((parse(K3S) as Config).users)

const refusal = async (text: string): Promise<string> => {
  const found: unknown = await point(text).catch((e: unknown) => e)
  if (found instanceof Error && found.name === 'TaskError') return found.message
  throw new Error(`no TaskError but ${String(found)}`)
}

t.test('the kubeconfig points to the VIP under one name', async t => {
  const ours = await point(K3S)
  t.equal(String(ours), '‹secret›')
  t.strictSame(parse(ours.reveal()), {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: NAME, cluster: { ...CLUSTER, server: SERVER } }],
    users: [{ name: NAME, user: USER }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME } }],
    'current-context': NAME,
  })
  for (const text of ['', 'a: [', '{}', 'null', '[]', '"x"', '{"clusters":[],"users":[]}'])
    t.match(await refusal(text), /^k3s\.yaml of m1 /, JSON.stringify(text))
})

t.test('no field of a server that kubectl would act on gets through, whatever it is', async t => {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'CANARY' }
  const inUser: readonly [string, unknown][] = [
    ['exec', exec],
    ['exec', null],
    ['auth-provider', { name: 'gcp', config: { 'cmd-path': 'CANARY' } }],
    ['token', 'CANARY'],
    ['tokenFile', '/etc/CANARY'],
    ['client-certificate', '/etc/CANARY'],
    ['client-key', '/etc/CANARY'],
    ['username', 'CANARY'],
    ['as', 'CANARY'],
    ['extensions', []],
    ['Exec', exec],
    ['EXEC', exec],
    ['server', SERVER],
    ['certificate-authority-data', 'CANARY'],
    ['', 'CANARY'],
    ['ex\u001b]52;c;eA==\u0007ec', 'CANARY'],
  ]
  const inCluster: readonly [string, unknown][] = [
    ['proxy-url', 'http://CANARY'],
    ['insecure-skip-tls-verify', true],
    ['tls-server-name', 'CANARY'],
    ['certificate-authority', '/etc/CANARY'],
    ['disable-compression', true],
    ['extensions', []],
    ['client-key-data', 'CANARY'],
  ]
  for (const [key, value] of inUser) {
    const said = await refusal(tampered(c => (first(c.users).user[key] = value)))
    t.match(said, 'users[0].user', key)
    t.notMatch(said, /CANARY|\u001b/, `${key}: no value, no escape`)
  }
  for (const [key, value] of inCluster) {
    const said = await refusal(tampered(c => (first(c.clusters).cluster[key] = value)))
    t.match(said, `"${key}" in clusters[0].cluster`)
    t.notMatch(said, 'CANARY')
  }
  const entries: readonly ((c: Config) => void)[] = [
    c => Object.assign(first(c.users), { exec }),
    c => Object.assign(first(c.clusters), { extensions: [] }),
    c => c.users.push({ name: 'second', user: { exec } }),
    c => c.clusters.push({ name: 'second', cluster: {} }),
  ]
  for (const change of entries) t.notMatch(await refusal(tampered(change)), 'CANARY')
  const outside = await point(
    tampered(c => Object.assign(c, { exec, preferences: { CANARY: exec }, extensions: [exec] })),
  )
  t.equal(outside.reveal(), (await point(K3S)).reveal(), 'around them nothing is looked at')
})

t.test('each of the three fields contains what its name says', async t => {
  const pem = (text: string): string => Buffer.from(text).toString('base64')
  const text = (value: unknown): string => Buffer.from(String(value), 'base64').toString()
  const [ca, key] = [text(CLUSTER['certificate-authority-data']), text(USER['client-key-data'])]
  const bad: readonly unknown[] = [
    ...[undefined, null, 1, true, {}, [], '', ' ', 'Q0E=', pem('\n')],
    `${String(CLUSTER['certificate-authority-data'])}\n`,
    ` ${String(CLUSTER['certificate-authority-data'])}`,
    String(CLUSTER['certificate-authority-data']).replace(/.$/, '*'),
    pem(`exec: x\n${ca}`),
    pem(`${ca}exec: x\n`),
    pem(ca.repeat(9)),
    pem(ca.replace(/\n[^-\n]{20}/, '\n')),
    pem(ca.replaceAll('CERTIFICATE', 'X509 CRL')),
    'A'.repeat(20_000),
  ]
  for (const value of [...bad, pem(key)]) {
    const set = (c: Config) => (first(c.clusters).cluster['certificate-authority-data'] = value)
    t.match(await refusal(tampered(set)), 'certificate-authority-data')
    const client = (c: Config) => (first(c.users).user['client-certificate-data'] = value)
    t.match(await refusal(tampered(client)), 'client-certificate-data')
  }
  for (const value of [...bad, pem(ca), pem(key + key), pem(key.replaceAll('EC PRI', 'PRI'))])
    t.match(
      await refusal(tampered(c => (first(c.users).user['client-key-data'] = value))),
      'client-key-data',
    )
})

t.test('YAML that means more than it says, or too much', async t => {
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x]' : `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`,
  ).join('\n')
  const cases: Readonly<Record<string, string>> = {
    'an alias': K3S.replace('  user:\n', '  user: &u\n').replace('kind: Config', 'kind: *u'),
    'a merge key': `x: &x { exec: { command: touch } }\n${K3S}    <<: *x\n`,
    'a merge key of YAML 1.1': `%YAML 1.1\n---\n${K3S}    <<: { exec: { command: touch } }\n`,
    'a tag': K3S.replace('client-key-data: ', 'client-key-data: !!binary '),
    'an unknown tag': K3S.replace('kind: Config', 'kind: !exec touch'),
    __proto__: `${K3S}    __proto__: { exec: { command: touch } }\n`,
    'a billion laughs': `${bomb}\n${K3S}`,
    'two documents': `${K3S}---\n${K3S}`,
    'deeply nested': `x: ${'['.repeat(30_000)}\n${K3S}`,
    'key of a map': `${K3S}    ? { exec: x }\n    : y\n`,
    'as much as a server likes': `${K3S}#${' '.repeat(40_000_000)}\n`,
    'many keys': `${K3S}${Array.from({ length: 20_000 }, (_, i) => `    k${i}: 1\n`).join('')}`,
  }
  for (const [what, text] of Object.entries(cases)) {
    const begun = performance.now()
    t.match(await refusal(text), /^k3s\.yaml of m1 (is|has) /, what)
    t.ok(performance.now() - begun < 2000, `${what}: at once`)
  }
})

t.test("merging leaves other clusters' entries alone", async t => {
  const ours = await point(K3S)
  const theirs = fixture('kubeconfig.yaml')
  const merged = (await mergedInto('config', theirs, ours)).reveal()
  t.match(merged, '# work: ask before you touch it')
  const [before, after] = [parse(theirs), parse(merged)] as { [k: string]: { name: string }[] }[]
  t.equal(after?.['current-context'], before?.['current-context'], 'the current context stays')
  for (const key of ['clusters', 'users', 'contexts'] as const) {
    t.strictSame(after?.[key]?.slice(0, -1), before?.[key])
    t.equal(after?.[key]?.at(-1)?.name, NAME)
  }
  t.equal((await mergedInto('config', merged, ours)).reveal(), merged, 'again: nothing changes')
  const renewed = await point(fixture('k3s-renewed.yaml'))
  const twice = parse((await mergedInto('config', merged, renewed)).reveal()) as Config
  t.strictSame(twice.users.at(-1), first((parse(renewed.reveal()) as Config).users))
  t.equal(twice.users.length, 2)
  t.equal((await mergedInto('config', undefined, ours)).reveal(), ours.reveal())
  await t.rejects(mergedInto('config', theirs, await point(K3S, 'work')), {
    message: 'config already has a cluster work, at https://10.0.0.1:6443',
  })
  for (const wrong of ['a: [', 'users: *x\n', 'users: x\n', 'users: { a: 1 }\n', '[]', 'x'])
    await t.rejects(mergedInto('config', wrong, ours), { name: 'TaskError' }, wrong)
  for (const empty of ['users:\n', 'users: []\nclusters: null\n', 'users: [null, 1]\n'])
    t.match(parse((await mergedInto('config', empty, ours)).reveal()), {
      clusters: [{ name: NAME }],
    })
  for (const [key, entry] of [
    ['users', 'user: { token: theirs }'],
    ['contexts', 'context: { cluster: work, user: me }'],
  ] as const) {
    const other = theirs.replace(`${key}:\n`, `$&  - name: ${NAME}\n    ${entry}\n`)
    await t.rejects(mergedInto('config', other, ours), {
      message: `config already has ${NAME} among its ${key}, but no such cluster`,
    })
  }
})

t.test('a key that is a list makes no warning of Node', async t => {
  const warnings: string[] = []
  const note = (warning: Error): unknown => warnings.push(warning.message)
  process.on('warning', note)
  t.teardown(() => process.removeListener('warning', note))
  const theirs = 'clusters:\n  - name: work\n    ? [1, 3]\n    : x\n'
  t.match((await mergedInto('config', theirs, await point(K3S))).reveal(), '? [ 1, 3 ]')
  // Node tells listeners in a later turn.
  await new Promise(setImmediate)
  t.strictSame(warnings, [])
})

const EVIL = (command: string) =>
  ({
    apiVersion: 'client.authentication.k8s.io/v1',
    command,
    interactiveMode: 'Never',
  }) as const

t.test('merging removes what an earlier run took from a tampered server', async t => {
  const ours = await point(K3S)
  const now = parse(
    (await mergedInto('config', fixture('kubeconfig.yaml'), ours)).reveal(),
  ) as Config
  for (const c of now.clusters.filter(c => c.name === NAME))
    Object.assign(c.cluster, { 'proxy-url': 'http://evil', 'insecure-skip-tls-verify': true })
  for (const u of now.users.filter(u => u.name === NAME)) u.user['exec'] = EVIL('touch')
  for (const list of [now.clusters, now.users, now.contexts] as { name: string }[][])
    list.push(...list.filter(e => e.name === NAME))
  const after = parse((await mergedInto('config', stringify(now), ours)).reveal()) as Config
  const own = parse(ours.reveal()) as Config
  for (const key of ['clusters', 'users', 'contexts'] as const)
    t.strictSame(
      (after[key] as { name: string }[]).filter(e => e.name === NAME),
      own[key],
      key,
    )
})

const kubectl = spawnSync('kubectl', ['version', '--client']).status === 0

t.test('the real kubectl runs nothing', { skip: !kubectl && 'no kubectl here' }, async t => {
  const dir = t.testdir({ canary: '#!/bin/sh\ntouch "$0.ran"\n' })
  const [canary, config] = [join(dir, 'canary'), join(dir, 'config')]
  spawnSync('chmod', ['0755', canary])
  const ask = (text: string): void => {
    writeFileSync(config, text)
    spawnSync('kubectl', ['--kubeconfig', config, '--request-timeout=2', 'get', 'ns'], {
      env: { ...process.env, HOME: dir },
    })
  }
  const local = (text: string) => text.replaceAll(SERVER, 'https://127.0.0.1:1')
  const ours = (await point(K3S)).reveal()
  const evil = parse(ours) as Config
  first(evil.users).user = { exec: EVIL(canary) }
  ask(local(stringify(evil)))
  t.ok(existsSync(`${canary}.ran`), 'it does run what such a file names')
  spawnSync('rm', [`${canary}.ran`])
  ask(local((await mergedInto(config, stringify(evil), await point(K3S))).reveal()))
  t.notOk(existsSync(`${canary}.ran`), 'merged: it is gone')
  const text = tampered(c => (first(c.users).user = { ...USER, exec: EVIL(canary) }))
  ask(
    local(
      await point(text).then(
        s => s.reveal(),
        () => ours,
      ),
    ),
  )
  t.notOk(existsSync(`${canary}.ran`), 'from the server: it never gets there')
})
