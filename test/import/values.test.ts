import t from 'tap'
import { isPath, isSecretName, isSecretValue } from '../../lib/import/secret-names.ts'
import { imported } from './helpers.ts'

const varsOf = (t: Parameters<typeof imported>[0], yaml: string) => {
  const found = imported(t, {
    'hosts.ini': '[web]\nweb1 ansible_host=10.0.0.1\n',
    'group_vars/web.yml': yaml,
  })
  return { ...found, vars: found.groups['web']?.['vars'] as Record<string, unknown> | undefined }
}

void t.test('scalars as PyYAML reads them', t => {
  const found = varsOf(
    t,
    `phone: 0891234567
at: 02:30
noon: 12:30
id: -1001234567890123456
v: 1.0
mode: 0644
hex: 0x1F
half: 1.50
exponent: 1e3
big: 1.0e+20
small: 0.00001
day: 2026-11-21
time: 2026-11-21 10:00:00
yes_no: [yes, Off, y, n, ~]
quoted: ["02:30", '1.0', "yes"]
text: |
  two
  lines
nan: .nan
equals: { =: 1 }
empty: !
`,
  )
  t.same(found.vars, {
    ...{ phone: '0891234567', at: '02:30', noon: 750, id: '-1001234567890123456', v: '1.0' },
    ...{ mode: 420, hex: 31, half: 1.5, exponent: '1e3', big: '1e+20', small: '1e-05' },
    ...{ day: '2026-11-21', time: '2026-11-21T10:00:00', yes_no: [true, false, 'y', 'n', null] },
    ...{ quoted: ['02:30', '1.0', 'yes'], text: 'two\nlines\n', equals: { '=': 1 }, empty: '' },
  })
  const remarks = found.remarks.filter(r => r.startsWith('group_vars')).join('\n')
  for (const remark of [
    /:3: noon: YAML 1.1 reads 12:30 in base 60, so Ansible has 750/,
    /:4: id: JavaScript cannot hold this number exactly: kept as the text -1001234567890123456/,
    /:5: v: JavaScript would show it as 1: kept as the text 1.0/,
    /:10: big: .*kept as the text 1e\+20/,
    /:13: time: a time: kept as the text 2026-11-21T10:00:00/,
    /:19: nan: not a finite number/,
  ])
    t.match(remarks, remark)
  t.notMatch(remarks, /phone|at:|mode|half|day/)
  t.match(found.text, /phone: "0891234567"/)
  t.end()
})

void t.test('values of INI as Ansible reads them', t => {
  const found = imported(t, {
    hosts: `[web]
web1 ansible_host=10.0.0.1 ports=80,443 home='C:\\Users\\svc' n=007 v=1.0 id=-1001234567890123456 l="['a', 1]"
[web:vars]
ports=80,443
home='C:\\Users\\svc'
path=C:\\Users\\svc
flag=True
word=true
mode=0644
set={1, 2}
comment=5 # five
`,
  })
  t.same(found.hosts['web1']?.['vars'], {
    ...{
      ports: [80, 443],
      home: 'C:\\Users\\svc',
      n: '007',
      v: '1.0',
      id: '-1001234567890123456',
      l: ['a', 1],
    },
  })
  t.same(found.groups['web']?.['vars'], {
    ...{ ports: [80, 443], home: "'C:\\Users\\svc'", path: 'C:\\Users\\svc', flag: true },
    ...{ word: 'true', mode: '0644', set: [1, 2], comment: 5 },
  })
  t.match(found.remarks.join('\n'), /hosts:10: set: a set became a list/)
  t.end()
})

void t.test('merges: a list of maps, and two maps with the same key', t => {
  const found = varsOf(
    t,
    `a: &a { one: 1, both: 2 }
b: &b { two: 2, both: 3 }
same: &same { one: 1 }
c: { <<: [*a, *b], own: 4, one: 5 }
d: { <<: [*a, *same] }
`,
  )
  t.same(found.vars?.['c'], { one: 5, both: 2, two: 2, own: 4 })
  t.same(found.vars?.['d'], { one: 1, both: 2 })
  const remarks = found.remarks.join('\n')
  t.match(remarks, /web.yml:4: c: two merged maps have the key both \(lines 1 and 2\)/)
  t.notMatch(remarks, /web.yml:5: d/)
  const groups = imported(t, {
    'hosts.yml': `x: &a { hosts: { web1: { ansible_host: 10.0.0.1 } } }
y: &b { vars: { n: 1 } }
z: { <<: [*a, *b] }
`,
  }).groups
  t.same(groups['z'], { hosts: ['web1'], vars: { n: 1 } })
  t.end()
})

void t.test('a Jinja expression drops its element, not the list or the map around it', t => {
  const found = varsOf(
    t,
    `servers: [a, "{{ b }}", c]
map: { keep: 1, drop: "{{ x }}", inner: { list: ["{{ y }}", 2] } }
only: ["{{ x }}"]
"{{ k }}": 1
keys: { "{{ k }}": 1, k: 2 }
`,
  )
  t.same(found.vars, {
    servers: ['a', 'c'],
    map: { keep: 1, inner: { list: [2] } },
    keys: { k: 2 },
  })
  const remarks = found.remarks.join('\n')
  t.match(remarks, /:1: servers\[1\]: a Jinja expression.*: left out of the list/)
  t.match(remarks, /:2: map.drop: a Jinja expression.*: left out of the map/)
  t.match(remarks, /:2: map.inner.list\[0\]: a Jinja expression/)
  t.match(remarks, /:3: only\[0\]: a Jinja expression/)
  t.end()
})

void t.test(
  'secrets in plain text become !secret, wherever they are; paths and settings stay',
  t => {
    const found = varsOf(
      t,
      `db_pw: hunter2
wifi_psk: hunter2
passwords: { root: hunter2, deploy: hunter3 }
secret_key_base: hunter2
dsn: postgres://u:hunter2@h/d
http_proxy: http://u:hunter2@proxy:3128
extra_args: --flag --token hunter2
conninfo: host=h password=hunter2
admins: [{ name: ops, api_token: hunter2 }]
pins: { secrets: { big: 12345678901234567890, at: 12:30 } }
db_password: 12:31
tokens: [hunter2, hunter4]
hash: $6$salt$abcdefgh
pin_code: 1
tls_private_key: /etc/ssl/x.key
ssl_key: ~/x.key
password_file: /run/x
password_min_length: 12
token_url: https://h/t
secret_name: web-tls
bypass: x
pass_through: yes
public_key: ssh-ed25519 AAAAC3Nz
url: https://h/p
compass: n
vault_pass: "{{ vault_x }}"
`,
    )
    t.same(found.vars, {
      db_pw: '!secret db_pw',
      wifi_psk: '!secret wifi_psk',
      passwords: { root: '!secret passwords_root', deploy: '!secret passwords_deploy' },
      secret_key_base: '!secret secret_key_base',
      dsn: '!secret dsn',
      http_proxy: '!secret http_proxy',
      extra_args: '!secret extra_args',
      conninfo: '!secret conninfo',
      admins: [{ name: 'ops', api_token: '!secret admins_0_api_token' }],
      pins: { secrets: { big: '!secret pins_secrets_big', at: '!secret pins_secrets_at' } },
      db_password: '!secret db_password',
      tokens: ['!secret tokens_0', '!secret tokens_1'],
      hash: '!secret hash',
      pin_code: 1,
      tls_private_key: '/etc/ssl/x.key',
      ssl_key: '~/x.key',
      password_file: '/run/x',
      password_min_length: 12,
      token_url: 'https://h/t',
      secret_name: 'web-tls',
      bypass: 'x',
      pass_through: true,
      public_key: 'ssh-ed25519 AAAAC3Nz',
      url: 'https://h/p',
      compass: 'n',
      vault_pass: '!secret vault_pass',
    })
    t.notMatch(found.text + found.remarks.join(), /hunter|1234567890|12:3[01]|75[01]/)
    t.match(
      found.remarks.join('\n'),
      /vault_pass: a Jinja expression for a secret, became !secret vault_pass: fmc secrets set vault_pass/,
    )
    t.end()
  },
)

void t.test('a password behind a Jinja expression gets no advice to write it into the file', t => {
  const found = imported(t, {
    hosts:
      'a ansible_host=10.0.0.1 ansible_become_password="{{ vault_sudo }}" ansible_ssh_pass="{{ x }}"\n',
  })
  const remarks = found.remarks.filter(r => /password/.test(r))
  t.same(remarks, [
    'hosts:1: ansible_become_password: not carried over: fmc asks for the sudo password (-K)',
    'hosts:1: ansible_password: not carried over: fmc logs in with keys',
  ])
  t.end()
})

void t.test('names of secrets', t => {
  for (const name of [
    ...[
      'password',
      'db_password',
      'dbPassword',
      'mysql_root_password_prod',
      'pw',
      'admin_pwd',
      'pass',
    ],
    ...['smtp_pass', 'passphrase', 'psk', 'wifi_psk', 'secret', 'client_secret', 'secret_key_base'],
    ...[
      'api_key',
      'apikey',
      'aws_secret_access_key',
      'encryption_key',
      'token',
      'vault_token',
      'token2',
    ],
    ...['pgpassword', 'ldap_bindpw', 'userpw', 'rootpass', 'accesstoken', 'clientsecret'],
    ...['wg_preshared_key', 'wg_pre_shared_key', 'snmp_community', 'mysqlpwd'],
    ...['grafana_admin_passwd', 'credentials', 'otp', 'private_key', 'tls_key', 'jwt_secret'],
  ])
    t.ok(isSecretName(name), name)
  for (const name of [
    ...['password_file', 'password_policy', 'passwordauthentication', 'password_authentication'],
    ...[
      'token_ttl',
      'secret_name',
      'key',
      'keys',
      'keyboard',
      'ssh_keys_url',
      'primary_key',
      'compass',
    ],
    ...['bypass', 'passive', 'public_key', 'pwd_path', 'tokenizer', 'spin', 'pinned', 'pin_code'],
    ...['community', 'tokenbucket', 'bindpw_file', 'userpass_path', 'pgpassfile', 'adminpanel'],
    ...['secrets_encryption', 'private_key_path', 'ssl_cert', 'username', 'key_name', 'sort_key'],
  ])
    t.notOk(isSecretName(name), name)
  for (const value of [
    'postgres://u:x@h/d',
    'see redis://:x@h',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    'AGE-SECRET-KEY-1ABC',
    'Server=h;Password=x;',
    '--password=x',
    'Authorization: Bearer abcdefgh12',
    'ghp_abcdefghijklmnopqrstuv',
    'eyJhbGci.eyJzdWI.abc',
    '$2b$12$abcdefghijkl',
    '$apr1$salt$hash',
    'https://hooks.slack.com/services/T000/B000/XXXX',
    'https://discord.com/api/webhooks/1/abc',
  ])
    t.ok(isSecretValue(value), value)
  for (const value of [
    'postgres://u@h/d',
    'http://h:80/a@b',
    'a:b@c',
    '$HOME',
    'token',
    'x@y',
    '--token-file /x',
    'ssh://git@h:22/x',
    'https://hooks.slack.com/',
  ])
    t.notOk(isSecretValue(value), value)
  t.ok(isPath('tls_key', '/srv/x'))
  t.ok(isPath('password', '/etc/pw'))
  t.notOk(isPath('password', '/x9Yz'))
  t.end()
})
