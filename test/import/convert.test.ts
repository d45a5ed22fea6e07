import t from 'tap'
import { imported } from './helpers.ts'

void t.test(
  "what wins in Ansible wins in fmc: group_vars of a parent over a child's inline variable",
  t => {
    const found = imported(t, {
      hosts: `[all:vars]
a=all
[web]
web1 e=host
web2
[web:vars]
a=web
b=web
c=web
d=web
e=web
f=web
[site:children]
web
`,
      'group_vars/all.yml': 'a: all of files\n',
      'group_vars/site.yml': 'b: site of files\nd: "{{ x }}"\nf: web\n',
      'host_vars/web1.yml': 'c: "{{ y }}"\n',
    })
    t.same(found.all, { vars: { a: 'all of files' } })
    t.same(found.hosts['web2']?.['vars'], { a: 'all of files', b: 'site of files' })
    t.same(found.hosts['web1']?.['vars'], { a: 'all of files', b: 'site of files', e: 'host' })
    const remarks = found.remarks.join('\n').replaceAll(t.testdirName + '/', '')
    t.match(
      remarks,
      'group_vars/site.yml:1: b: wins over hosts:8 in Ansible: set for each of web1, web2',
    )
    t.match(remarks, 'group_vars/site.yml:2: d: until you set it, the value at hosts:10 applies')
    t.match(remarks, 'host_vars/web1.yml:1: c: until you set it, the value at hosts:9 applies')
    t.notMatch(remarks, / f: /, 'the same value is no conflict')
    t.end()
  },
)

void t.test(
  'variables of ungrouped go to its hosts; ansible_group_priority decides among equals',
  t => {
    const found = imported(t, {
      'hosts.yml': `
all:
  hosts: { lonely: , both: }
  children:
    ungrouped: { vars: { x: 1 } }
    one: { hosts: { both: }, vars: { y: 1, ansible_group_priority: 10 } }
    two: { hosts: { both: }, vars: { y: 2 } }
`,
    })
    t.same(found.hosts['lonely']?.['vars'], { x: 1 })
    t.same(found.hosts['both']?.['vars'], { y: 1 })
    t.end()
  },
)

void t.test('names and addresses', t => {
  const found = imported(t, {
    hosts: `Web_1.example.com
db.one.example.com ansible_host=10.0.0.2
db.two.example.com ansible_host=10.0.1.2
gateway ansible_host=gw.example.com ansible_port=2222
vm1 ansible_host=127.0.0.1 ansible_port=2201
vm2 ansible_host=127.0.0.1 ansible_port=2202
nat1 ansible_host=10.0.0.9 ansible_port=1
nat2 ansible_host=10.0.0.9 ansible_port=2
[vm1]
vm2
[2nd-line]
vm1
[2nd_line]
nat1
`,
  })
  t.same(
    Object.entries(found.hosts).map(([name, { nics, ssh }]) => [name, nics ?? null, ssh ?? null]),
    [
      ['web-1', null, { host: 'Web_1.example.com' }],
      ['db-one-example-com', [{ network: 'net_10_0_0', address: '10.0.0.2' }], null],
      ['db-two-example-com', [{ network: 'net_10_0_1', address: '10.0.1.2' }], null],
      ['gateway', null, { host: 'gw.example.com', port: 2222 }],
      ['vm1', null, { host: '127.0.0.1', port: 2201 }],
      ['vm2', null, { host: '127.0.0.1', port: 2202 }],
      ['nat1', null, { host: '10.0.0.9', port: 1 }],
      ['nat2', null, { host: '10.0.0.9', port: 2 }],
    ],
  )
  t.same(Object.keys(found.groups), ['vm1_group', '_2nd_line', '_2nd_line_2'])
  t.match(
    found.remarks.join('\n'),
    /hosts:1: nics: no address of their own was found for web-1, gateway, vm1/,
  )
  t.end()
})

void t.test('connection variables', t => {
  const found = imported(t, {
    'hosts.ini': `one ansible_ssh_host=10.0.0.1 ansible_ssh_user=ops ansible_ssh_private_key_file=~/.ssh/ops ansible_ssh_port=2222 ansible_sudo=no
two ansible_host=10.0.0.2 ansible_become_pass=hunter2 ansible_ssh_pass=hunter3 ansible_become_method=su
three ansible_host=10.0.0.3 ansible_connection=local ansible_user="{{ lookup('env', 'USER') }}" ansible_port=0
four ansible_host=10.0.0.4 ansible_become_method=sudo ansible_become_user=root ansible_connection=ssh ansible_winrm_scheme=http
`,
  })
  t.same(found.hosts['one']?.['ssh'], {
    ...{ user: 'ops', identity_file: '~/.ssh/ops', port: 2222, sudo: false },
  })
  t.same(
    found.remarks.filter(r => /ansible_/.test(r)).map(r => r.slice('hosts.ini:'.length)),
    [
      '2: ansible_become_password: not carried over: fmc asks for the sudo password (-K)',
      '2: ansible_password: not carried over: fmc logs in with keys',
      '2: ansible_become_method: fmc becomes root through sudo only',
      '3: ansible_connection: fmc reaches every host by SSH, this machine too',
      '3: ansible_user: a Jinja expression, which fmc does not evaluate: write its result',
      '3: ansible_port: expected a port',
      '4: ansible_winrm_scheme: fmc has no counterpart',
    ],
  )
  t.notMatch(JSON.stringify(found), /hunter/)
  t.end()
})

void t.test('names of JavaScript’s own properties are ordinary names', t => {
  const found = imported(t, {
    'hosts.ini': `[constructor]
one ansible_host=10.0.0.1 ansible_user=constructor toString=valueOf key=constructor constructor=1
`,
  })
  t.same(Object.keys(found.groups), ['constructor'])
  t.equal(JSON.stringify(found.hosts['one']?.['vars']), '{"key":"constructor","constructor":1}')
  t.same(found.hosts['one']?.['ssh'], { user: 'constructor' })
  t.match(found.remarks.join('\n'), /:2: toString: fmc names variables/)
  t.notMatch(found.remarks.join('\n'), /native code/)
  t.end()
})

void t.test('YAML as Ansible reads it', t => {
  const found = imported(t, {
    'hosts.yaml': `
common: &common
  vars: &vars { shared: [1, 2] }
web:
  <<: *common
  hosts: web1
db:
  hosts:
    db[1:2]: { <<: *vars, answer: y, size: 1e3, on: on, day: 2026-11-21, mode: 0644, twice: 1, twice: 2 }
  vars:
    Upper: 1
    braces: !unsafe "{{ not a template }}"
    blob: !!binary aGVsbG8=
    nothing:
  surprise: {}
`,
  })
  t.same(found.groups['web'], { hosts: ['web1'], vars: { shared: [1, 2] } })
  t.same(found.hosts['db2']?.['vars'], {
    ...{
      shared: [1, 2],
      answer: 'y',
      size: '1e3',
      true: true,
      day: '2026-11-21',
      mode: 420,
      twice: 2,
    },
  })
  t.same(found.groups['db']?.['vars'], { braces: '{{ not a template }}', nothing: null })
  const remarks = found.remarks.join('\n')
  t.match(remarks, /hosts.yaml:11: Upper: fmc names variables with a-z, 0-9 and _/)
  t.match(remarks, /hosts.yaml:13: blob: bytes \(!!binary\)/)
  t.match(remarks, /hosts.yaml:9: true: YAML 1.1 reads the key on as true/)
  t.match(remarks, /hosts.yaml:15: surprise: a group has hosts, children and vars/)
  t.end()
})

void t.test('different secrets with the same name stay apart; equal ones become one', t => {
  const found = imported(t, {
    'hosts.yml': `
one: { hosts: { a: }, vars: { db_password: x } }
two: { hosts: { b: }, vars: { db_password: y } }
three: { hosts: { c: }, vars: { db_password: x, token: 7, secret: , pin_secret: true } }
`,
  })
  t.same(
    ['one', 'two', 'three'].map(name => found.groups[name]?.['vars']),
    [
      { db_password: '!secret db_password' },
      { db_password: '!secret two_db_password' },
      {
        ...{ db_password: '!secret db_password', token: '!secret token' },
        ...{ secret: null, pin_secret: true },
      },
    ],
  )
  t.end()
})
