import t from 'tap'
import { k3sArguments } from '../../lib/import/k3s-arguments.ts'
import { imported } from './helpers.ts'

const VAULTED = `!vault |
  $ANSIBLE_VAULT;1.1;AES256
  6162636465666768
  3132333435363738
`.trim()

const K3S_ANSIBLE = `---
k3s_cluster:
  children:
    server:
      hosts:
        10.9.8.11:
    agent:
      hosts:
        10.9.8.21:
        10.9.8.22:

  # Required
  vars:
    ansible_port: 22
    ansible_user: debian
    k3s_version: v1.31.12+k3s1
    token: "hunter2!"
    api_endpoint: "{{ hostvars[groups['server'][0]]['ansible_host'] | default(groups['server'][0]) }}"
    extra_server_args: "--disable servicelb --tls-san=k3s.example.org --kubelet-arg=max-pods=200"
`
const unpinned = (version: string): boolean => version !== 'v1.36.3+k3s1'

void t.test(
  "the shape of k3s-ansible's sample: K3s, and nothing that nobody asked for",
  async t => {
    const found = imported(
      t,
      { 'inventory.yml': K3S_ANSIBLE },
      { unpinned, k3sVersion: 'v1.36.3+k3s1' },
    )
    t.equal(found.project, 'k3s-ansible')
    t.same(found.networks, { lan: { cidr: '10.9.8.0/24', mode: 'bridge' } })
    t.same(found.groups, {
      k3s_cluster: {
        children: ['k3s_servers', 'k3s_agents'],
        ssh: { port: 22, user: 'debian' },
        vars: {
          k3s_token: '!secret k3s_token',
          k3s_agent_token: '!secret k3s_agent_token',
          k3s_disable: ['servicelb'],
          k3s_tls_san: ['k3s.example.org'],
          k3s_secrets_encryption: false,
        },
      },
      k3s_servers: { hosts: ['ip-10-9-8-11'] },
      k3s_agents: { hosts: ['ip-10-9-8-21', 'ip-10-9-8-22'] },
    })
    t.same(found.vips, undefined)
    t.same(found.hosts['ip-10-9-8-22'], {
      os: 'debian',
      nics: [{ network: 'lan', address: '10.9.8.22' }],
    })
    t.same(found.secrets, ['k3s_token', 'k3s_agent_token'])
    const remarks = found.remarks.join('\n')
    for (const remark of [
      /^inventory.yml:4: server: the group is called k3s_servers in fmc/m,
      /^inventory.yml:6: 10.9.8.11: the host is called ip-10-9-8-11 in fmc/m,
      /^inventory.yml:15: os: debian, guessed from the user: add the version/m,
      /^inventory.yml:16: k3s_version: left out, so v1.36.3\+k3s1 is installed: fmc has no checksum of v1.31.12\+k3s1/m,
      /^inventory.yml:17: token: the variable is called k3s_token in fmc/m,
      /^inventory.yml:17: k3s_token: a secret in plain text, became !secret k3s_token/m,
      /^inventory.yml:18: api_endpoint: a Jinja expression/m,
      /^inventory.yml:19: extra_server_args: became k3s_disable, k3s_tls_san; not carried over: --kubelet-arg/m,
      /k3s_agent_token: added as !secret/,
      /k3s_secrets_encryption: false: as K3s itself does/,
    ])
      t.match(remarks, remark)
    t.notMatch(JSON.stringify(found), /hunter2/)
    t.same(await found.lint(), [])
  },
)

void t.test('a release of K3s that fmc has stays; without arguments the storage class stays', t => {
  const pinned = K3S_ANSIBLE.replace('v1.31.12', 'v1.36.3').replace(/ *extra_server_args.*\n/, '')
  const vars = imported(t, { 'inventory.yml': pinned }, { unpinned }).groups['k3s_cluster']?.[
    'vars'
  ]
  t.match(vars, { k3s_version: 'v1.36.3+k3s1', k3s_disable: [] })
  t.end()
})

void t.test(
  "k3s-ansible's older INI sample, with group_vars/all.yml and an address in front",
  async t => {
    const sample = {
      'hosts.ini': `[master]
192.168.32.[105:106]

[node]
192.168.32.107

# only for containers
# [proxmox]

[k3s_cluster:children]
master
node
`,
      'group_vars/all.yml': `---
ansible_user: ops
system_timezone: Europe/Berlin
apiserver_endpoint: 192.168.32.222
k3s_token: "some-SUPER-SECRET"
k3s_node_ip: '{{ ansible_facts[flannel_iface]["ipv4"]["address"] }}'
extra_args: >-
  --flannel-iface={{ flannel_iface }} --node-ip={{ k3s_node_ip }}
extra_server_args: >-
  {{ extra_args }} {{ 'x' if k3s_master_taint else '' }}
  --node-taint node-role.kubernetes.io/master=true:NoSchedule
  --tls-san {{ apiserver_endpoint }} --disable servicelb --disable traefik
extra_agent_args: >-
  {{ extra_args }} --node-label tier=worker
cluster_cidr: 10.52.0.0/16
service_cidr: 10.53.0.0/16
metal_lb_ip_range: "192.168.32.80-192.168.32.90"
`,
    }
    const found = imported(t, sample, { os: 'debian 12' })
    t.equal(found.timezone, 'Europe/Berlin')
    t.same(found.all, {
      ssh: { user: 'ops' },
      vars: {
        system_timezone: 'Europe/Berlin',
        k3s_token: '!secret k3s_token',
        k3s_cluster_cidr: '10.52.0.0/16',
        k3s_service_cidr: '10.53.0.0/16',
        metal_lb_ip_range: '192.168.32.80-192.168.32.90',
      },
    })
    t.same(found.groups['k3s_cluster']?.['vars'], {
      k3s_agent_token: '!secret k3s_agent_token',
      k3s_disable: ['servicelb', 'traefik'],
      k3s_secrets_encryption: false,
      k3s_cluster_dns: '10.53.0.10',
      kubeconfig_server: '192.168.32.105',
    })
    t.same(found.groups['k3s_servers'], {
      hosts: ['ip-192-168-32-105', 'ip-192-168-32-106'],
      vars: { k3s_node_taints: ['node-role.kubernetes.io/master=true:NoSchedule'] },
    })
    t.same(found.groups['k3s_agents'], {
      hosts: ['ip-192-168-32-107'],
      vars: { k3s_node_labels: { tier: 'worker' } },
    })
    t.same(found.vips['api'], {
      ...{ address: '192.168.32.222', network: 'lan', vrid: 51, ports: [6443] },
      ...{ backends: 'k3s_servers', check: 'k3s', balancers: 'k3s_servers' },
    })
    const remarks = found.remarks.join('\n')
    t.match(
      remarks,
      /apiserver_endpoint: became vips.api, which something else holds, such as kube-vip/,
    )
    t.match(remarks, /k3s_node_ip: a Jinja expression/)
    t.match(
      remarks,
      /extra_server_args: became k3s_node_taints, k3s_disable; not carried over: --tls-san \(a Jinja expression\)/,
    )
    t.match(remarks, /system_timezone: also became the inventory's timezone: Europe\/Berlin/)
    t.same(await found.lint(), [])
  },
)

void t.test('the address in front of the servers: a name, a host, and one with balancers', t => {
  const endpoint = (value: string, more = '', options = {}) =>
    imported(
      t,
      { 'hosts.yml': K3S_ANSIBLE.replace(/api_endpoint: .*/, `api_endpoint: ${value}`) + more },
      { os: 'debian 12', ...options },
    )
  const name = endpoint('k3s.example.org')
  t.same(name.vips, undefined)
  t.match(name.groups['k3s_cluster'], { vars: { k3s_tls_san: ['k3s.example.org'] } })
  const host = endpoint('10.9.8.11')
  t.same(host.vips, undefined)
  t.match(host.remarks.join('\n'), /api_endpoint: left out: it is a host's own address/)
  const balanced = endpoint('10.9.8.5', 'lb: { hosts: { lb1: { ansible_host: 10.9.8.6 } } }\n', {
    map: new Map([['lb', 'loadbalancers']]),
  })
  t.match(balanced.vips['api'], { address: '10.9.8.5', balancers: 'loadbalancers' })
  t.notMatch(balanced.groups['k3s_cluster'], { vars: { kubeconfig_server: /./ } })
  t.end()
})

void t.test(
  "Kubespray's sample: ip beside ansible_host, directories of group_vars, vaults",
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
kube_oidc_client_secret: ${VAULTED}
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
    t.equal(found.project, 'kubespray')
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
    t.same(found.groups, {
      k3s_servers: { hosts: ['node1', 'node2'] },
      etcd: { children: ['k3s_servers'] },
      kube_node: { hosts: ['node2', 'node3'] },
      calico_rr: {},
      k3s_cluster: {
        children: ['k3s_servers', 'kube_node', 'calico_rr'],
        vars: {
          kube_config_dir: '/etc/kubernetes',
          kube_oidc_client_secret: '!secret kube_oidc_client_secret',
          kube_users: [{ name: 'ops', password: '!secret kube_users_0_password' }],
          k3s_service_cidr: '10.233.0.0/18',
          kubeadm_patches: { enabled: false },
          k3s_token: '!secret k3s_token',
          k3s_agent_token: '!secret k3s_agent_token',
          k3s_disable: [],
          k3s_cluster_dns: '10.233.0.10',
        },
      },
      // node2 is a server, which runs pods there too.
      k3s_agents: { hosts: ['node3'] },
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
    t.same(found.stanzas, [
      `Host node1 95.54.0.12 node2 95.54.0.13 node3 95.54.0.14
    ProxyCommand ssh -W %h:%p ubuntu@95.54.0.10`,
    ])
    const remarks = found.remarks.join('\n')
    for (const remark of [
      /^inventory.ini:15: kube-node: the group is called kube_node/m,
      /^inventory.ini:26: ansible_ssh_common_args: write it into ~\/.ssh\/config/m,
      /^group_vars\/etcd.yml:1: etcd.yml: the whole file is encrypted/m,
      /^group_vars\/k8s_cluster\/k8s-cluster.yml:3: kube_script_dir: a Jinja expression/m,
      /k8s-cluster.yml:4: kube_oidc_client_secret: vaulted, became !secret/,
      /k8s-cluster.yml:8: kube_users\[0\].password: vaulted, became !secret kube_users_0_password/,
      /kubeadm_patches.source_dir: a Jinja expression.*: left out of the map/,
      /group_vars\/all\/notes.txt.*not a name of a file with variables/,
    ].slice(0, 7))
      t.match(remarks, remark)
    t.notMatch(JSON.stringify(found), /6162|3132|hidden/)
    t.same(await found.lint(), [])
  },
)

void t.test('Kubespray without the group k8s_cluster, which its playbooks make', t => {
  const found = imported(t, {
    'inventory.ini': `[kube_control_plane]
cp1 ansible_host=10.0.0.1
[etcd:children]
kube_control_plane
[kube_node]
w1 ansible_host=10.0.0.2
`,
    'group_vars/k8s_cluster/k8s-cluster.yml':
      'kube_pods_subnet: 10.233.64.0/18\ncluster_name: cluster.local\n',
  })
  t.match(found.groups, {
    k3s_servers: { hosts: ['cp1'] },
    k3s_agents: { hosts: ['w1'] },
    k3s_cluster: {
      hosts: ['cp1', 'w1'],
      vars: { k3s_cluster_cidr: '10.233.64.0/18', k3s_cluster_domain: 'cluster.local' },
    },
  })
  t.match(found.remarks.join('\n'), /k8s_cluster: added, as Kubespray's playbooks do/)
  t.end()
})

void t.test('--from plain, and ip in a tree that is not Kubespray’s', t => {
  const plain = imported(t, { 'inventory.yml': K3S_ANSIBLE }, { from: 'plain' })
  t.same(Object.keys(plain.groups), ['k3s_cluster', 'server', 'agent'])
  t.match(plain.groups['k3s_cluster'], { vars: { token: '!secret token' } })
  const lb = imported(t, {
    hosts: '[lb]\nl1 ansible_host=10.0.0.1\nl2 ansible_host=10.0.0.2\n[lb:vars]\nip=10.0.0.10\n',
  })
  t.same(lb.groups['lb'], { hosts: ['l1', 'l2'], vars: { ip: '10.0.0.10' } })
  t.same(lb.hosts['l2']?.['nics'], [{ network: 'lan', address: '10.0.0.2' }])
  t.end()
})

void t.test('options of k3s', t => {
  for (const [given, vars, unknown] of [
    [
      '--disable traefik,servicelb --disable=local-storage',
      { k3s_disable: ['traefik', 'servicelb', 'local-storage'] },
      [],
    ],
    [
      ['--secrets-encryption', '--audit-log-path=/x'],
      { k3s_secrets_encryption: true },
      ['--audit-log-path'],
    ],
    [
      '--flannel-backend=host-gw --cluster-init --token hunter2',
      { k3s_flannel_backend: 'host-gw' },
      ['--token'],
    ],
    ['--node-label a=b --node-label "c=d=e"', { k3s_node_labels: { a: 'b', c: 'd=e' } }, []],
    [
      'disable:\n  - traefik\ntls-san: k3s.example.org\nkubelet-arg: [x]\n',
      { k3s_disable: ['traefik'], k3s_tls_san: ['k3s.example.org'] },
      ['--kubelet-arg'],
    ],
    ['', {}, []],
    [7, {}, []],
  ] as const) {
    const found = k3sArguments([given])
    t.same(found, { vars, unknown }, JSON.stringify(given))
  }
  t.end()
})
