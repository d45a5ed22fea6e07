import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { readAnsible } from '../../lib/import/read.ts'
import { files, imported } from './helpers.ts'

const hosts = '[web]\nweb1 ansible_host=10.0.0.1\n'

void t.test('variable files beside the playbook: the project above the inventory', t => {
  const found = imported(t, {
    'inventory/hosts.ini': `${hosts}[web:vars]\na=inline\nb=inline\nc=inline\n`,
    'inventory/group_vars/all.yml': 'b: all beside the inventory\nd: all beside the inventory\n',
    'group_vars/all.yml': 'd: all beside the playbook\ne: 1\n',
    'group_vars/web.yml': 'c: web beside the playbook\n',
    'host_vars/web1.yml': 'f: host\n',
  })
  t.same(found.hosts['web1']?.['vars'], { b: 'all beside the inventory', f: 'host' })
  t.match(found.groups['web'], { vars: { a: 'inline', c: 'web beside the playbook' } })
  t.match(found.all, { vars: { d: 'all beside the playbook', e: 1 } })
  t.match(
    found.remarks.join('\n'),
    /^:1: playbook-dir: group_vars and host_vars here were read as those beside the playbook/m,
  )
  t.end()
})

void t.test(
  'variable files beside the playbook: --playbook-dir, by a directory or a playbook',
  t => {
    const tree = {
      'inventory/hosts.ini': hosts,
      'elsewhere/site.yml': '[]\n',
      'elsewhere/group_vars/web.yml': 'a: elsewhere\n',
      'group_vars/web.yml': 'a: not read\n',
    }
    for (const playbookDir of ['elsewhere', 'elsewhere/site.yml']) {
      const found = imported(t, tree, { playbookDir })
      t.match(found.groups['web'], { vars: { a: 'elsewhere' } })
    }
    t.throws(() => imported(t, tree, { playbookDir: 'nowhere' }), {
      message: /--playbook-dir: there is no directory/,
    })
    t.end()
  },
)

void t.test('playbooks/, and inventories/prod: each place that is not read is named', t => {
  const found = imported(t, {
    'inventories/prod/hosts.ini': hosts,
    'group_vars/web.yml': 'a: project\n',
    'playbooks/group_vars/web.yml': 'a: playbooks\n',
  })
  t.match(found.groups['web'], { vars: { a: 'project' } })
  t.match(
    found.remarks.join('\n'),
    /playbooks:1: playbook-dir: .* were not read: Ansible reads those of one playbook only; to read them, use --playbook-dir/,
  )
  const only = imported(t, { 'hosts.ini': hosts, 'playbooks/group_vars/web.yml': 'a: playbooks\n' })
  t.match(only.groups['web'], { vars: { a: 'playbooks' } })
  t.end()
})

void t.test('files that Ansible does not read are named', t => {
  const found = imported(t, {
    'hosts.ini': hosts,
    'group_vars/k8s_cluster.yml': 'a: 1\n',
    'group_vars/web.yml': 'a: 1\n',
    'group_vars/web.yaml': 'a: 2\n',
    'group_vars/all.sops.yml': 'db_password: ENC[AES256_GCM,data:x]\nsops: {mac: x}\n',
    'group_vars/web.yml~': 'a: 3\n',
    'group_vars/README.md': 'about',
    'group_vars/.gitkeep': '',
    'host_vars/web7.yml': 'a: 1\n',
    'host_vars/web1/more.conf': 'a: 1\n',
  })
  t.match(found.groups['web'], { vars: { a: 1 } })
  t.same(
    found.remarks.filter(r => /_vars/.test(r)).map(r => r.replaceAll(t.testdirName, '.')),
    [
      'group_vars/all.sops.yml:1: all.sops.yml: encrypted by SOPS: sops decrypt ./group_vars/all.sops.yml shows its values; set them with fmc secrets set; Ansible reads it with community.sops only',
      'group_vars/k8s_cluster.yml:1: k8s_cluster.yml: not imported: the inventory has no group called k8s_cluster',
      'group_vars/web.yaml:1: web.yaml: Ansible reads web.yml instead, and so did fmc: delete one of them',
      'host_vars/web1/more.conf:1: more.conf: not a name of a file with variables; Ansible skips it too',
      'host_vars/web7.yml:1: web7.yml: not imported: the inventory has no host called web7',
    ],
  )
  t.end()
})

void t.test('a file of SOPS that Ansible reads: its values become secrets', t => {
  const found = imported(t, {
    'hosts.ini': hosts,
    'group_vars/web/secrets.sops.yml':
      'plain: 1\nanything: ENC[AES256_GCM,data:8h,iv:x,tag:y,type:str]\nsops: { mac: "ENC[AES256_GCM,data:z]", version: 3.9.0 }\n',
  })
  t.same(found.groups['web']?.['vars'], { plain: 1, anything: '!secret anything' })
  t.match(found.remarks.join('\n'), /secrets.sops.yml:1: secrets.sops.yml: encrypted by SOPS/)
  t.notMatch(found.text, /ENC\[|mac/)
  t.end()
})

void t.test('links that lead nowhere, in circles and to a directory', t => {
  const file = files(t, {
    'hosts.ini': hosts,
    'group_vars/all/a.yml': 'a: 1\n',
    'else/x.yml': 'x: 1\n',
  })
  const dir = dirname(file)
  symlinkSync('nowhere', join(dir, 'group_vars/all/gone.yml'))
  symlinkSync('nowhere', join(dir, 'group_vars/web'))
  symlinkSync('loop', join(dir, 'group_vars/all/loop'))
  symlinkSync('nowhere', join(dir, 'host_vars'))
  symlinkSync('../../else', join(dir, 'group_vars/all/linked'))
  const { remarks, groups } = readAnsible(file)
  t.same([...(groups.get('all')?.files.keys() ?? [])], ['a', 'x'])
  t.same(
    remarks.map(r => `${r.key}: ${r.why}`),
    [
      'gone.yml: a symbolic link that leads nowhere; Ansible skips it too',
      'loop: a symbolic link that leads nowhere; Ansible skips it too',
      'web: a symbolic link that leads nowhere; Ansible skips it too',
    ],
  )
  symlinkSync('.', join(dir, 'group_vars/all/itself'))
  t.throws(() => readAnsible(file), {
    name: 'UsageError',
    message: /too many directories inside each other|cannot read/,
  })
  t.end()
})

void t.test('a directory as inventory, as Ansible reads it', t => {
  const file = files(t, {
    'inv/10-yaml': 'all:\n  children:\n    web:\n      hosts: { web1: { a: first, b: first } }\n',
    'inv/20-ini': '[web]\nweb1 a=second\nweb2\n[db:children]\nweb\n[db]\n',
    'inv/30.yml': 'db: { vars: { c: 3 } }\n',
    'inv/sub/40.ini': 'sub1\n',
    'inv/notes.md': 'not read',
    'inv/old.cfg': '[lost]\nlost1\n',
    'inv/hosts.retry': 'lost2\n',
    'inv/x.orig': 'lost3\n',
    'inv/.hidden': 'lost4\n',
    'inv/backup~': 'lost5\n',
    'inv/broken': '[web\n',
    'inv/group_vars/web.yml': 'd: 4\n',
    'inv/sub/group_vars/web.yml': 'd: not read\n',
  })
  const inventory = readAnsible(dirname(file))
  t.same([...inventory.hosts.keys()], ['web1', 'web2', 'sub1'])
  t.same([...inventory.groups.keys()], ['all', 'ungrouped', 'web', 'db'])
  const values = [...(inventory.hosts.get('web1')?.inline ?? [])].map(([k, v]) => [k, v.value])
  t.same(values, [
    ['a', 'second'],
    ['b', 'first'],
  ])
  t.equal(inventory.groups.get('web')?.files.get('d')?.value, 4)
  t.match(
    inventory.remarks.map(r => `${r.file}:${r.line}: ${r.why}`),
    [/broken:1: Ansible skips this file: a host is expected here/],
  )
  t.end()
})

void t.test('in a directory, a program or a plugin would lose hosts: an error', t => {
  for (const [name, text, message] of [
    ['run.sh', '#!/bin/sh\n', /is a program/],
    ['aws_ec2.yml', 'plugin: amazon.aws.aws_ec2\n', /configures an inventory plugin/],
    ['x.toml', '[web]\n', /is TOML/],
    ['vault.yml', '$ANSIBLE_VAULT;1.1;AES256\n61\n', /encrypted by ansible-vault/],
  ] as const) {
    const file = files(t, { 'inv/hosts.ini': hosts, [`inv/${name}`]: text })
    t.throws(() => readAnsible(dirname(file)), { name: 'UsageError', message }, name)
    writeFileSync(join(dirname(file), name), '')
  }
  t.end()
})

void t.test('the format is what Ansible finds: INI in hosts.yml, YAML without an extension', t => {
  for (const [name, text] of [
    ['hosts.yml', '[web]\nweb1\n'],
    ['hosts', 'web:\n  hosts:\n    web1:\n'],
    ['hosts', '{"web": {"hosts": {"web1": {}}}}'],
    ['hosts', '\ufeff[web]\nweb1\n'],
    ['inventory.old', '[web]\nweb1\n'],
  ] as const)
    t.same([...readAnsible(files(t, { [name]: text })).hosts.keys()], ['web1'], name)
  const latin = files(t, { hosts: '' })
  writeFileSync(latin, Buffer.from('# caf\xe9\n[web]\nweb1\n', 'latin1'))
  t.same([...readAnsible(latin).hosts.keys()], ['web1'], 'a comment that is not UTF-8')
  t.end()
})

void t.test('a second YAML document is an error with its line, as in Ansible', t => {
  for (const tree of [
    { 'hosts.yml': 'web: { hosts: { web1: } }\n---\ndb: { hosts: { db1: } }\n' },
    { 'hosts.ini': hosts, 'group_vars/web.yml': 'a: 1\n---\nb: 2\n' },
  ])
    t.throws(() => imported(t, tree), { message: /:2: a second YAML document begins here/ })
  t.match(
    imported(t, { 'hosts.ini': hosts, 'group_vars/web.yml': '---\na: 1\n...\n' }).groups['web'],
    { vars: { a: 1 } },
  )
  t.end()
})

void t.test(
  'a fifo among the variables does not stop the import',
  { skip: process.platform === 'win32' },
  async t => {
    const file = files(t, { 'hosts.ini': hosts, 'group_vars/all/a.yml': 'a: 1\n' })
    const { execFileSync } = await import('node:child_process')
    mkdirSync(join(dirname(file), 'host_vars'))
    execFileSync('mkfifo', [join(dirname(file), 'group_vars/all/b.yml')])
    execFileSync('mkfifo', [join(dirname(file), 'host_vars/web1')])
    t.throws(() => readAnsible(file), { message: /host_vars\/web1 is not a regular file/ })
  },
)
