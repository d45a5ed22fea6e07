import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const BIN = join(ROOT, 'lib/bin.js')
/** A password that must not reach a terminal or a CI log. */
const PASSWORD = 'hunter2zzz'

const inventory = (ssh = '', vars = '', head = ''): string =>
  `timezone: UTC\ndomain: echo.internal\nnetworks: {}\n${head}hosts:\n  a:\n    os: debian 12\n    ssh: { host: 127.0.0.1, port: 9${ssh} }\n    vars: { ${vars} }\n`

const ROLE = `import { role, Secret, z } from 'fmc'
export default role({ name: 'r', summary: 'x', async tasks() {}, handlers: {}, vars: z.object({
  r_password: z.instanceof(Secret).optional(), r_nested: z.strictObject({ token: z.number() }).optional(),
  r_token_list: z.array(z.number()).optional(), r_count: z.number().optional(), db_passphrase: z.number().optional(),
  api_key: z.enum(['a', 'b']).optional(), r_url: z.url({ protocol: /^ldap$/ }).optional(), r_pw: z.number().optional() }) })
`

void t.test('no error repeats a misplaced password', async t => {
  const dir = t.testdir({
    'inventory.yaml': inventory(),
    roles: { r: { 'index.ts': ROLE } },
    playbooks: {
      'site.ts':
        "import { play, playbook } from 'fmc'\nimport r from '../roles/r/index.ts'\nexport default playbook('site', [play('P', { hosts: 'all', roles: [r] })])\n",
    },
  })
  const files: Record<string, string> = {
    'ssh password': inventory(`, password: ${PASSWORD}`),
    'ssh port': inventory().replace('port: 9', `pass: ${PASSWORD}`),
    'a password as a number': inventory(', private_key: 1', 'db_passphrase: [1]'),
    'secret variable': inventory('', `r_password: ${PASSWORD}`),
    'secret in a map': inventory('', `r_nested: { token: ${PASSWORD} }`),
    'secret in a list': inventory('', `r_token_list: [${PASSWORD}]`),
    'a secret by its name': inventory(
      '',
      `db_passphrase: ${PASSWORD}, api_key: ${PASSWORD}, r_pw: ${PASSWORD}`,
    ),
    'credentials in a URL': inventory('', `r_url: "https://user:${PASSWORD}@host/x"`),
    'credentials with a slash': inventory('', `r_url: "https://user:a/${PASSWORD}/b@host/x"`),
    'credentials without a scheme': inventory('', `r_count: "user:${PASSWORD}@host"`),
    'a private key': inventory('', `r_count: "-----BEGIN OPENSSH PRIVATE KEY-----\\n${PASSWORD}"`),
    'an identity': inventory('', `r_count: "AGE-SECRET-KEY-1${PASSWORD}"`),
    'an alias': inventory('', `r_password: *${PASSWORD}`),
    'a tag': inventory('', `r_password: !${PASSWORD}`),
    'a tag of YAML': inventory('', `r_password: !!${PASSWORD} x`),
    'two anchors': inventory('', `r_count: &${PASSWORD} 1, r_pw: &${PASSWORD} 2`),
    'a block header': inventory()
      .replace('vars: { }', `vars:\n      r_password: >${PASSWORD}\n        x`)
      .replace('vars: {  }', `vars:\n      r_password: |${PASSWORD}\n        x`),
    'an escape': inventory('', `r_password: "\\q${PASSWORD}"`),
    'a reserved sign': inventory('', `r_password: @${PASSWORD}`),
    'an open quote': inventory('', `r_password: "${PASSWORD}`),
    'a second colon': inventory().replace(
      'vars: {  }',
      `vars:\n      r_password: ${PASSWORD}: ${PASSWORD}`,
    ),
    'a directive': `%${PASSWORD}\n---\n${inventory()}`,
    'a collection as key': inventory('', `? [${PASSWORD}] : 1`),
    'a secret without a name': inventory('', `r_password: !secret "${PASSWORD} x"`),
    'after the end': `${inventory()}...\n${PASSWORD}: x\n- y\n`,
  }
  const fmc = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    run([process.execPath, BIN, ...args], {
      cwd: dir,
      env: { FMC_CACHE: join(dir, 'cache'), HOME: dir, ...env },
    })
  for (const [what, text] of Object.entries(files)) {
    writeFileSync(join(dir, 'bad.yaml'), text)
    const { code, stdout, stderr } = await fmc(['lint', '-i', 'bad.yaml'])
    t.equal(code, 1, `${what}: ${stdout}${stderr}`)
    t.match(stdout + stderr, /bad\.yaml:\d+:\d+: error: /, what)
    t.notMatch(stdout + stderr, PASSWORD, what)
    t.notMatch(stdout + stderr, /bug in fmc|Warning/, what)
  }
  const identity = `AGE-SECRET-KEY-1${PASSWORD.toUpperCase()}`
  const lines: readonly (readonly [args: readonly string[], env?: NodeJS.ProcessEnv])[] = [
    [['play', 'site', PASSWORD]],
    [['lint', `--password=${PASSWORD}`]],
    [['play', 'site', `--ask-become-pass=${PASSWORD}`]],
    [['play', 'site', '-e', PASSWORD]],
    [['play', 'site', '-e', `${PASSWORD.toUpperCase()}==`]],
    [['play', 'site', '-e', `DB-${PASSWORD}=x`]],
    [['play', 'site', '-e', `@${PASSWORD}`]],
    [['play', 'site', '-e', `r_password=${PASSWORD}`]],
    [['play', 'site', '-e', `r_count=${PASSWORD}`]],
    [['play', 'site', '-e', `r_nested={token: ${PASSWORD}}`]],
    [['play', 'site', '-e', `{r_password: ${PASSWORD}}`]],
    [['play', 'site', '-e', `{r_count: ${PASSWORD}}`]],
    [['play', 'site', '-e', `{r_password: *${PASSWORD}}`]],
    [['play', 'site', '-e', `{${PASSWORD}-x: 1}`]],
    [['play', 'site', '-e', `{r_password: "${PASSWORD}`]],
    [['secrets', `db=${PASSWORD}`]],
    [['secrets', PASSWORD]],
    [['secrets', 'set', `db=${PASSWORD}`]],
    [['secrets', 'set', `9${PASSWORD}`]],
    [['secrets', 'set', 'db', PASSWORD]],
    [['secrets', 'set', 'db', `--value=${PASSWORD}`]],
    [['secrets', 'init', '--recipient', PASSWORD, '--file', 'x.age']],
    [['secrets', 'init', '--identity', `/dev/null/${identity}`, '--file', 'x.age']],
    [['secrets', 'list', '--identity', identity]],
    [['secrets', 'list', '--file', PASSWORD]],
    [['secrets', 'init', '--passphrase', '--file', 'x.age'], { FMC_AGE_PASSPHRASE_FILE: PASSWORD }],
    [['secrets', 'init', '--file', 'y/x.age'], { FMC_AGE_IDENTITY: `/dev/null/${identity}` }],
    [['lab', 'up', `--password=${PASSWORD}`]],
  ]
  for (const [args, env] of lines) {
    const { code, stdout, stderr } = await fmc(args, env)
    t.equal(code, 1, `${args.join(' ')}: ${stdout}${stderr}`)
    t.notMatch((stdout + stderr).toLowerCase(), PASSWORD, args.join(' '))
    t.notMatch(stdout + stderr, /bug in fmc|Warning/, args.join(' '))
  }
  t.match((await fmc(['play', 'site', '-e', 'r_count'])).stderr, /^fmc: -e: expected name=value\n/)
  writeFileSync(join(dir, 'inventory.yaml'), inventory('', 'r_count: 1'))
  t.match(
    (await fmc(['play', 'site', '-e', 'r_count'])).stderr,
    /^fmc: -e r_count: expected name=value\n/,
    'a name that the inventory has is no secret',
  )
})

// What Ansible takes for the name of a host is one: the import shows it.
void t.test('nor do the remarks of importing an Ansible inventory', async t => {
  const dir = t.testdir({})
  for (const [name, text] of [
    ['colon.ini', `[web]\nansible_password:${PASSWORD}\n`],
    ['words.ini', `[web]\nweb1 ansible_password ${PASSWORD}\n`],
    ['quote.ini', `[web]\nweb1 ansible_password="${PASSWORD}\n`],
    ['child.ini', `[web:children]\n${PASSWORD}: x y\n`],
    ['vars.ini', `[web:vars]\nansible_password ${PASSWORD}\n`],
    ['alias.yaml', `all: { hosts: { web1: { db_password: *${PASSWORD} } } }\n`],
    ['tag.yaml', `all: { hosts: { web1: { db_password: !${PASSWORD} x } } }\n`],
    ['open.yaml', `all: { hosts: { web1: { db_password: "${PASSWORD} } } }\n`],
    ['block.yaml', `all:\n  vars:\n    db_password: >${PASSWORD}\n      x\n`],
    ['key.yaml', `all: { vars: { ? [${PASSWORD}] : 1 } }\n`],
  ] as const) {
    writeFileSync(join(dir, name), text)
    const { stdout, stderr } = await run([process.execPath, BIN, 'import', 'ansible', name], {
      cwd: dir,
      env: { FMC_CACHE: join(dir, 'cache') },
    })
    t.not(stderr, '', name)
    t.notMatch(stderr, PASSWORD, name)
    t.notMatch(stderr, /bug in fmc|Warning/, name)
    t.type(stdout, 'string')
  }
})
