import t from 'tap'
import { imported } from './helpers.ts'

const VAULTED = `!vault |
  $ANSIBLE_VAULT;1.1;AES256
  6162636465666768
  3132333435363738
`.trim()

void t.test("the shape of k3s-ansible's sample: addresses as names, a token, Jinja", async t => {
  const found = imported(t, {
    'inventory.yml': `---
k3s_cluster:
  children:
    server:
      hosts:
        10.9.8.11:
    agent:
      hosts:
        10.9.8.21:
        10.9.8.22:

  # Required Vars
  vars:
    ansible_port: 22
    ansible_user: debian
    k3s_version: v1.36.3+k3s1
    token: "hunter2!"
    api_endpoint: "{{ hostvars[groups['server'][0]]['ansible_host'] | default(groups['server'][0]) }}"
    extra_server_args: "--disable servicelb"
`,
  })
  t.same(found.networks, { lan: { cidr: '10.9.8.0/24', mode: 'bridge' } })
  t.same(found.groups, {
    k3s_cluster: {
      children: ['server', 'agent'],
      ssh: { port: 22, user: 'debian' },
      vars: {
        k3s_version: 'v1.36.3+k3s1',
        token: '!secret token',
        extra_server_args: '--disable servicelb',
      },
    },
    server: { hosts: ['ip-10-9-8-11'] },
    agent: { hosts: ['ip-10-9-8-21', 'ip-10-9-8-22'] },
  })
  t.same(found.hosts['ip-10-9-8-22'], {
    os: 'debian',
    nics: [{ network: 'lan', address: '10.9.8.22' }],
  })
  t.same(found.secrets, ['token'])
  t.same(
    found.remarks.filter(r => !/:1: /.test(r)),
    [
      'inventory.yml:4: server: no role of fmc runs here yet; for a K3s cluster add k3s_servers: { children: [server] }',
      'inventory.yml:6: 10.9.8.11: the host is called ip-10-9-8-11 in fmc; variables that mention it are unchanged',
      'inventory.yml:7: agent: no role of fmc runs here yet; for a K3s cluster add k3s_agents: { children: [agent] }',
      'inventory.yml:9: 10.9.8.21: the host is called ip-10-9-8-21 in fmc; variables that mention it are unchanged',
      'inventory.yml:10: 10.9.8.22: the host is called ip-10-9-8-22 in fmc; variables that mention it are unchanged',
      'inventory.yml:15: os: debian, guessed from the user: add the version, as in "debian 12"',
      'inventory.yml:17: token: a secret in plain text, became !secret token: fmc secrets set token',
      'inventory.yml:18: api_endpoint: a Jinja expression, which fmc does not evaluate: write its result',
    ],
  )
  t.notMatch(JSON.stringify(found), /hunter2/)
  t.same(await found.lint(), [])
})

void t.test("the shape of k3s-ansible's older INI sample, with group_vars/all.yml", async t => {
  const found = imported(
    t,
    {
      'hosts.ini': `[master]
192.168.32.105

[node]
192.168.32.[106:107]

# only for containers
# [proxmox]

[k3s_cluster:children]
master
node
`,
      'group_vars/all.yml': `---
k3s_version: v1.27.4+k3s1
ansible_user: ops
system_timezone: "Your/Timezone"
k3s_token: "some-SUPER-SECRET"
k3s_node_ip: '{{ ansible_facts[flannel_iface]["ipv4"]["address"] }}'
extra_args: >-
  --flannel-iface={{ flannel_iface }}
metal_lb_ip_range: "192.168.32.80-192.168.32.90"
`,
    },
    { os: 'debian 12' },
  )
  t.same(found.all, {
    ssh: { user: 'ops' },
    vars: {
      k3s_version: 'v1.27.4+k3s1',
      system_timezone: 'Your/Timezone',
      k3s_token: '!secret k3s_token',
      metal_lb_ip_range: '192.168.32.80-192.168.32.90',
    },
  })
  t.same(Object.keys(found.hosts), ['ip-192-168-32-105', 'ip-192-168-32-106', 'ip-192-168-32-107'])
  t.same(found.groups['node'], { hosts: ['ip-192-168-32-106', 'ip-192-168-32-107'] })
  t.match(found.remarks, [
    /./,
    /./,
    /./,
    /./,
    /./,
    /./,
    /./,
    /./,
    /^group_vars\/all.yml:5: k3s_token: a secret in plain text/,
    /^group_vars\/all.yml:6: k3s_node_ip: a Jinja expression/,
    /^group_vars\/all.yml:7: extra_args: a Jinja expression/,
  ])
  t.same(await found.lint(), [])
})

void t.test(
  "the shape of Kubespray's sample: ip beside ansible_host, a directory of group_vars, vaults",
  async t => {
    const found = imported(
      t,
      {
        'inventory.ini': `# ## Configure 'ip' variable to bind kubernetes services on another ip
[all]
node1 ansible_host=95.54.0.12 ip=10.3.0.1 etcd_member_name=etcd1
node2 ansible_host=95.54.0.13 ip=10.3.0.2 etcd_member_name=etcd2
node3 ansible_host=95.54.0.14 ip=10.3.0.3 # etcd_member_name=etcd3
bastion ansible_host=95.54.0.10 ansible_user=ubuntu

[kube_control_plane]
node1
node2

[etcd:children]
kube_control_plane

[kube-node]
node[2:3]

[calico_rr]

[k8s_cluster:children]
kube_control_plane
kube-node
calico_rr

[k8s_cluster:vars]
ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p ubuntu@95.54.0.10"'
`,
        'group_vars/all/all.yml': `---
bin_dir: /usr/local/bin
loadbalancer_apiserver_port: 6443
no_proxy_exclude_workers: no
ntp_servers:
  - "0.pool.ntp.org iburst"
`,
        'group_vars/all/etcd.yml': 'etcd_data_dir: /var/lib/etcd\n',
        'group_vars/all/.hidden.yml': 'hidden: 1\n',
        'group_vars/all/notes.txt': 'no: yaml: at all\n',
        'group_vars/k8s_cluster/k8s-cluster.yml': `---
kube_config_dir: /etc/kubernetes
kube_script_dir: "{{ bin_dir }}/kubernetes-scripts"
kube_oidc_client_secret: ${VAULTED.replaceAll('\n', '\n')}
kube_users:
  - name: ops
    password: ${VAULTED.replaceAll('\n', '\n    ')}
kube_service_addresses: 10.233.0.0/18
kubeadm_patches: { enabled: false, source_dir: "{{ inventory_dir }}/patches" }
`,
        'group_vars/etcd.yml': '$ANSIBLE_VAULT;1.1;AES256\n616263\n',
        'host_vars/node3.yml': 'node_labels: { zone: b }\nansible_become: true\n',
      },
      { os: 'debian 12' },
    )
    t.same(found.networks, {
      net_10_3_0: { cidr: '10.3.0.0/24', mode: 'bridge' },
      net_95_54_0: { cidr: '95.54.0.0/24', mode: 'bridge' },
    })
    t.same(found.hosts['node1'], {
      os: 'debian 12',
      nics: [{ network: 'net_10_3_0', address: '10.3.0.1' }],
      ssh: { host: '95.54.0.12' },
      vars: { etcd_member_name: 'etcd1' },
    })
    t.same(found.hosts['node3'], {
      os: 'debian 12',
      nics: [{ network: 'net_10_3_0', address: '10.3.0.3' }],
      ssh: { host: '95.54.0.14', sudo: true },
      vars: { node_labels: { zone: 'b' } },
    })
    t.same(found.hosts['bastion'], {
      os: 'debian 12',
      nics: [{ network: 'net_95_54_0', address: '95.54.0.10' }],
      ssh: { user: 'ubuntu' },
    })
    t.same(found.groups, {
      kube_control_plane: { hosts: ['node1', 'node2'] },
      etcd: { children: ['kube_control_plane'] },
      kube_node: { hosts: ['node2', 'node3'] },
      calico_rr: {},
      k8s_cluster: {
        children: ['kube_control_plane', 'kube_node', 'calico_rr'],
        vars: {
          kube_config_dir: '/etc/kubernetes',
          kube_oidc_client_secret: '!secret kube_oidc_client_secret',
          kube_users: [{ name: 'ops', password: '!secret kube_users_0_password' }],
          kube_service_addresses: '10.233.0.0/18',
        },
      },
    })
    t.same(found.all, {
      vars: {
        bin_dir: '/usr/local/bin',
        loadbalancer_apiserver_port: 6443,
        no_proxy_exclude_workers: false,
        ntp_servers: ['0.pool.ntp.org iburst'],
        etcd_data_dir: '/var/lib/etcd',
      },
    })
    const remarks = found.remarks.join('\n')
    for (const remark of [
      /^inventory.ini:15: kube-node: the group is called kube_node/m,
      /^inventory.ini:26: ansible_ssh_common_args: write it into ~\/.ssh\/config/m,
      /^group_vars\/etcd.yml:1: etcd: the whole file is encrypted/m,
      /^group_vars\/k8s_cluster\/k8s-cluster.yml:3: kube_script_dir: a Jinja expression/m,
      /k8s-cluster.yml:4: kube_oidc_client_secret: vaulted, became !secret/,
      /k8s-cluster.yml:8: kube_users_0_password: vaulted, became !secret kube_users_0_password/,
      /kubeadm_patches: a Jinja expression/,
    ])
      t.match(remarks, remark)
    t.notMatch(JSON.stringify(found), /6162|3132|hidden/)
    t.same(await found.lint(), [])
  },
)

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
      on: true,
      day: '2026-11-21',
      mode: 420,
      twice: 2,
    },
  })
  t.same(found.groups['db']?.['vars'], { braces: '{{ not a template }}', nothing: null })
  const remarks = found.remarks.join('\n')
  t.match(remarks, /hosts.yaml:11: Upper: fmc names variables with a-z, 0-9 and _/)
  t.match(remarks, /hosts.yaml:13: blob: neither text, number, list nor map/)
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
