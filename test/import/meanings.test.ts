import t from 'tap'
import { imported } from './helpers.ts'

const playGroups = ['hypervisors', 'infra', 'databases', 'storage', 'k3s_servers', 'workers']
const roleVariables = new Map([
  ['nfs_exports', 'nfs'],
  ['k3s_version', 'k3s-server'],
])

void t.test(
  'a group with the name of a play of fmc gets a prefix, unless it is mapped',
  async t => {
    const tree = {
      hosts: `[databases]
mongo1 ansible_host=10.0.0.1
[infra]
pxe1 ansible_host=10.0.0.2
[site:children]
databases
infra
[databases:vars]
engine=mongo
`,
    }
    const found = imported(t, tree, { playGroups, os: 'debian 12' })
    t.same(found.groups, {
      imported_databases: { hosts: ['mongo1'], vars: { engine: 'mongo' } },
      imported_infra: { hosts: ['pxe1'] },
      site: { children: ['imported_databases', 'imported_infra'] },
    })
    t.match(
      found.remarks.join('\n'),
      /^hosts:1: databases: the group is called imported_databases in fmc, since fmc has plays for databases; if you mean those: --map databases=databases$/m,
    )
    t.same(await found.lint(), [])
    const mapped = imported(t, tree, {
      playGroups,
      map: new Map([
        ['databases', 'databases'],
        ['infra', 'pxe'],
      ]),
    })
    t.same(Object.keys(mapped.groups), ['databases', 'pxe', 'site'])
  },
)

void t.test('--map: the name of a group, of a variable; what cannot be is an error', t => {
  const tree = {
    hosts: '[server]\ns1 ansible_host=10.0.0.1 n=1\n[k3s]\ns1\n[server:vars]\nversion=7\n',
  }
  const map = (...pairs: [string, string][]) =>
    imported(t, tree, { map: new Map(pairs), playGroups, roleVariables })
  const found = map(['server', 'k3s_servers'], ['version', 'k3s_version'])
  t.match(found.groups['k3s_servers'], { hosts: ['s1'], vars: { k3s_version: 7 } })
  for (const [pair, message] of [
    [
      ['servre', 'k3s_servers'],
      /--map servre=k3s_servers: there is no group or variable called servre/,
    ],
    [['server', 'k3s servers'], /--map server=k3s servers: expected a group name/],
    [['server', 'all'], /expected a group name/],
  ] as const)
    t.throws(() => map([...pair]), { name: 'UsageError', message })
  t.throws(() => map(['server', 'x'], ['k3s', 'x']), {
    message: /the group .* gets that name, too/,
  })
  // A group that already has this name makes room.
  t.same(Object.keys(map(['server', 'k3s']).groups), ['k3s', 'imported_k3s'])
  t.end()
})

void t.test('a variable with the name of one of a role gets a prefix, unless it is mapped', t => {
  const tree = {
    hosts: '[web]\nweb1 ansible_host=10.0.0.1\n[web:vars]\nnfs_exports=/srv\nother=1\n',
  }
  const found = imported(t, tree, { roleVariables })
  t.same(found.groups['web']?.['vars'], { imported_nfs_exports: '/srv', other: 1 })
  t.match(
    found.remarks.join('\n'),
    /hosts:4: nfs_exports: the variable is called imported_nfs_exports in fmc, since fmc's role nfs has a variable of that name; if you mean that one: --map nfs_exports=nfs_exports/,
  )
  const mapped = imported(t, tree, {
    roleVariables,
    map: new Map([['nfs_exports', 'nfs_exports']]),
  })
  t.match(mapped.groups['web'], { vars: { nfs_exports: '/srv' } })
  t.end()
})

void t.test('a host with the name of a play’s group, or of a group', async t => {
  const found = imported(
    t,
    {
      hosts: `[dns]
infra ansible_host=10.0.0.1
[web]
web ansible_host=10.0.0.2 a=1
`,
    },
    { playGroups, os: 'debian 12' },
  )
  t.same(Object.keys(found.hosts), ['imported-infra', 'web'])
  t.same(Object.keys(found.groups), ['dns', 'web_group'])
  // As in Ansible, whose host web gets them from the group web.
  t.same(found.groups['web_group'], { hosts: ['web'], vars: { a: 1 } })
  t.same(await found.lint(), [])
})

void t.test('hosts that Ansible accepts', async t => {
  const found = imported(
    t,
    {
      hosts: `rack[A:C]
n[:2]
n[08:10]
m[1:5:2]
x[a:b][1:2]
ops@10.0.0.1
root@web9.example.com
h2-
_h3
h4_
h,5
"two words"
é
x.y.
[2001:db8::8]:2222
10.0.1.[1:2]
`,
    },
    { os: 'debian 12' },
  )
  t.same(Object.keys(found.hosts), [
    ...['racka', 'rackb', 'rackc', 'n0', 'n1', 'n2', 'n08', 'n09', 'n10', 'm1', 'm3', 'm5'],
    ...['xa1', 'xa2', 'xb1', 'xb2', 'ip-10-0-0-1', 'web9', 'h2', 'h3', 'h4', 'h-5'],
    ...['two-words', 'host', 'x', 'ip-2001-db8-8', 'ip-10-0-1-1', 'ip-10-0-1-2'],
  ])
  t.same(found.hosts['ip-10-0-0-1'], {
    os: 'debian 12',
    nics: [{ network: 'net_10_0_0', address: '10.0.0.1' }],
    ssh: { user: 'ops' },
  })
  t.match(found.hosts['web9'], { ssh: { host: 'web9.example.com', user: 'root' } })
  t.match(found.hosts['racka'], { ssh: { host: 'rackA' } })
  t.match(found.hosts['ip-2001-db8-8'], { ssh: { host: '2001:db8::8', port: 2222 } })
  t.match(found.remarks.join('\n'), /hosts:1: rackA: the host is called racka in fmc/)
  t.same(await found.lint(), [])
})

void t.test(
  'an empty range has no hosts, and says so; a port counts where the host appears first',
  t => {
    const found = imported(t, {
      hosts: 'a ansible_host=10.0.0.1\nweb[3:1]\nb:22 ansible_host=10.0.0.2\nb:33\n',
    })
    t.same(Object.keys(found.hosts), ['a', 'b'])
    t.match(
      found.remarks.join('\n'),
      /hosts:2: web\[3:1\]: the range has no members, in Ansible too/,
    )
    t.match(found.hosts['b'], { ssh: { port: 22 } })
    t.end()
  },
)

void t.test('ssh arguments become stanzas for ~/.ssh/config', t => {
  const found = imported(t, {
    hosts: `[inner]
a ansible_host=10.0.0.1
b ansible_host=10.0.0.2
[inner:vars]
ansible_ssh_common_args='-J ops@bastion -o ControlMaster=auto -o "StrictHostKeyChecking no" -oIdentitiesOnly=yes'
[other]
c ansible_host=10.0.0.3 ansible_ssh_extra_args="-o ProxyCommand='ssh -W %h:%p x' -p 2222 -4 -X"
d ansible_host=10.0.0.4 ansible_ssh_common_args="{{ x }}"
`,
  })
  t.same(found.stanzas, [
    'Host a 10.0.0.1 b 10.0.0.2\n    ProxyJump ops@bastion\n    IdentitiesOnly yes',
    'Host c 10.0.0.3\n    ProxyCommand ssh -W %h:%p x\n    Port 2222\n    AddressFamily inet',
  ])
  const remarks = found.remarks.join('\n')
  t.match(
    remarks,
    /hosts:5: ansible_ssh_common_args: not carried over: StrictHostKeyChecking no turns off the check/,
  )
  t.match(remarks, /hosts:7: ansible_ssh_extra_args: -X has no counterpart in ssh_config\(5\)/)
  t.match(remarks, /hosts:8: ansible_ssh_common_args: a Jinja expression/)
  t.end()
})
