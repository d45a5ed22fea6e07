import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { lint } from '../../lib/inventory/lint.ts'
import { fileWith, marked, small, SMALL } from './helpers.ts'

type Row = readonly [
  title: string,
  replacements: readonly (readonly [from: string, to: string])[],
  message: RegExp | string,
  hint?: RegExp | string | undefined,
]

const API = '    address: 192.168.0.32'
const LB2 = 'nics: [{ network: lan, address: 192.168.0.31 }]'

const SHA256 = 'ab'.repeat(32)
const VPN = 'vpn: { cidr: 10.17.0.0/24, mode: wireguard, gateway: 10.17.0.1, router: hv }'
const withVpn = (text: string) => ['vips:\n', `  ${text}\nvips:\n`] as const

// ‸ marks where the problem must be reported.
const ERRORS: readonly Row[] = [
  [
    'unknown key',
    [['all: {}', '‸timezon: x\nall: {}']],
    'unknown key timezon',
    'did you mean timezone?',
  ],
  [
    'unknown key of a host',
    [['hv: { os', 'hv: { ‸memroy: 1GB, os']],
    'unknown key memroy',
    'did you mean memory?',
  ],
  [
    'unknown key of a nic',
    [['{ network: lan, address: 192.168.0.31', '{ network: lan, ‸macc: x, address: 192.168.0.31']],
    'unknown key macc',
    'did you mean mac?',
  ],
  [
    'unknown key, nothing near',
    [['all: {}', 'all: { ‸colour: red }']],
    'unknown key colour',
    'known: os_unsupported, ssh, vars',
  ],
  [
    'key missing',
    [
      ['timezone: Europe/Madrid\n', ''],
      ['domain', '‸domain'],
    ],
    'timezone is missing',
    /expected/,
  ],
  [
    'key of a host missing',
    [['  hv: { os: rocky 9.5, ', '  ‸hv: { ']],
    'os is missing',
    /expected a text/,
  ],
  [
    'image of the lab for an OS that there is not',
    [['all: {}', 'lab: { images: { ‸almalinx: {} } }\nall: {}']],
    'unknown key almalinx',
    'did you mean almalinux?',
  ],
  [
    'image of the lab without a sha256',
    [['all: {}', 'lab: { images: { ‸rocky: { url: https://a.example/r.tar.xz } } }\nall: {}']],
    'sha256 is missing',
    /expected/,
  ],
  [
    'image of the lab from nowhere',
    [['all: {}', `lab: { images: { rocky: { url: ‸r.tar.xz, sha256: ${SHA256} } } }\nall: {}`]],
    /lab\.images\.rocky\.url: expected the URL of a file, .*: https:\/\/, http:\/\/ or file:\/\/\/, got "r.tar.xz"/,
  ],
  [
    'image of the lab with a password in its URL',
    [
      [
        'all: {}',
        `lab: { images: { rocky: { url: ‸https://me:hush@a.example/r.tar, sha256: ${SHA256} } } }\nall: {}`,
      ],
    ],
    /expected the URL of a file, without user and password: .*, got "https:\/\/\*{3}@a\.example\/r\.tar"$/,
  ],
  [
    'packages of the lab on the Internet',
    [
      [
        'all: {}',
        `lab: { images: { rocky: { url: file:///r.tar, sha256: ${SHA256}, repo: ‸https://a.example/r } } }\nall: {}`,
      ],
    ],
    /expected a directory on this machine or a file:\/\/\/ URL: a lab host has no Internet/,
  ],
  [
    'packages for Flatcar',
    [
      [
        'all: {}',
        `lab: { images: { flatcar: { url: file:///f.tar, sha256: ${SHA256}, ‸repo: r } } }\nall: {}`,
      ],
    ],
    'unknown key repo',
  ],
  ['wrong type', [['vcpu: 4', 'vcpu: ‸four']], 'hosts.hv.vcpu: expected a number, got "four"'],
  [
    'a number where text belongs',
    [['domain: cloud.internal', 'domain: ‸5']],
    'domain: expected a text, got 5',
    'put it in quotes: "5"',
  ],
  [
    'yes for true',
    [['all: {}', 'all: { ssh: { sudo: ‸yes } }']],
    'all.ssh.sudo: expected true or false, got "yes"',
    /only true and false/,
  ],
  ['nothing', [['hosts: [db1]', '‸hosts: ']], 'groups.db.hosts: expected a list, got nothing'],
  [
    'memory without unit, as a text',
    [['memory: 4GB', 'memory: ‸"4"']],
    /expected a size such as 512MB/,
    'write 4GB',
  ],
  [
    'memory without unit',
    [['memory: 4GB', 'memory: ‸8']],
    /memory: expected a text, got 8/,
    'write 8GB',
  ],
  ['memory in megabytes', [['memory: 4GB', 'memory: ‸4096']], /got 4096/, 'write 4096MB'],
  ['a unit apart', [['memory: 4GB', 'memory: ‸4 gib']], /got "4 gib"/, 'write 4GB'],
  ['no memory', [['memory: 4GB', 'memory: ‸0GB']], /expected a size/],
  [
    'a disk without unit',
    [['memory: 4GB', 'memory: 4GB, disks: [{ name: d, size: ‸20 }]']],
    /disks\[0\]\.size: expected a text, got 20/,
    'write 20GB',
  ],
  [
    'the disk by another name',
    [['memory: 4GB', 'memory: 4GB, ‸disk: 20']],
    'unknown key disk',
    'write root_disk: 20GB',
  ],
  [
    'the memory by another name',
    [['memory: 4GB', '‸ram: 4GB']],
    'unknown key ram',
    'write memory: 4GB',
  ],
  ['the vCPUs by another name', [['vcpu: 4', '‸cpus: "4"']], 'unknown key cpus', 'write vcpu: 4'],
  [
    'an address without a nic',
    [['memory: 4GB', 'memory: 4GB, ‸ip: 192.168.0.40']],
    'unknown key ip',
    /^write nics: \[\{ network: NAME/,
  ],
  [
    'no such time zone',
    [['Europe/Madrid', '‸Europe/Madird']],
    'there is no time zone Europe/Madird',
    'did you mean Europe/Madrid?',
  ],
  [
    'a time zone in small letters',
    [['Europe/Madrid', '‸europe/madrid']],
    'there is no time zone europe/madrid',
    'did you mean Europe/Madrid?',
  ],
  ['a city', [['Europe/Madrid', '‸Kathmandu']], /no time zone/, 'did you mean Asia/Kathmandu?'],
  ['no time zone at all', [['Europe/Madrid', '‸Nowhere/Land']], /no time zone/, /list-timezones/],
  [
    'a VM with more memory than its hypervisor',
    [['vm_on: hv, memory: 1GB, vcpu: 2', 'vm_on: hv, memory: ‸8GiB, vcpu: 2']],
    'db1 has 8 GB of memory, more than its hypervisor hv, which has 4 GB of memory',
    /^make db1 smaller, or set vm_on to/,
  ],
  [
    'a VM with more vCPUs than its hypervisor',
    [['memory: 1GB, vcpu: 2', 'memory: 1GB, vcpu: ‸8']],
    'db1 has 8 vCPUs, more than its hypervisor hv, which has 4 vCPUs',
  ],
  [
    'a VM with larger disks than its hypervisor',
    [
      ['memory: 4GB, vcpu: 4', 'memory: 4GB, vcpu: 4, root_disk: 100GB'],
      [
        'memory: 1GB, vcpu: 2',
        'memory: 1GB, vcpu: 2, root_disk: ‸20GB, disks: [{ name: d, size: 90GB }]',
      ],
    ],
    'db1 has 110 GB of disks, more than its hypervisor hv, which has 100 GB of disks',
  ],
  [
    'no such mode',
    [['mode: open', 'mode: ‸route']],
    /expected bridge or open or nat or wireguard, got "route"/,
  ],
  ['no such OS', [['os: rocky 9.5', 'os: ‸windows']], /expected debian, ubuntu/],
  [
    'bad host name',
    [
      ['  hv: {', '  ‸h_v: {'],
      ['router: hv', 'router: h_v'],
    ],
    'bad name h_v',
    /a host name/,
  ],
  [
    'bad variable name',
    [['all: {}', 'all: { vars: { ‸my-var: 1 } }']],
    'bad name my-var',
    /a variable name/,
  ],
  ['bad domain', [['cloud.internal', '‸Cloud']], /expected a DNS domain/],
  [
    'port out of range',
    [['[6443]', '[‸70000]']],
    'vips.api.ports[0]: expected at most 65535, got 70000',
  ],
  ['port zero', [['[6443]', '[‸0]']], /expected at least 1, got 0/],
  ['no ports', [['[6443]', '‸[]']], /expected at least 1 item, got a list/],
  ['vrid out of range', [['vrid: 51', 'vrid: ‸256']], /expected at most 255/],
  [
    'bad MAC',
    [
      [
        '{ network: lan, address: 192.168.0.31',
        '{ mac: ‸52:54:00:12:34, network: lan, address: 192.168.0.31',
      ],
    ],
    /expected a MAC address/,
  ],
  [
    'bad checksum',
    [['all: {}', 'artifacts: { k3s: { sha256: ‸abc } }']],
    /expected 64 hexadecimal digits/,
  ],
  [
    'mirror without TLS',
    [['all: {}', 'artifacts: { k3s: { url: ‸http://a.example/k3s } }']],
    /artifacts\.k3s\.url: expected the URL of a file, .*: https:\/\/, got "http:/,
  ],
  [
    'mirror with a password in its URL',
    [['all: {}', 'artifacts: { k3s: { url: ‸https://me:hush@a.example/k3s } }']],
    /expected the URL of a file, without user and password: .*, got "https:\/\/\*{3}@a\.example\/k3s"$/,
  ],

  [
    'bad network',
    [['cidr: 10.17.3.0/24', 'cidr: ‸10.17.3.0/33']],
    '10.17.3.0/33 is not an IPv4 network',
  ],
  [
    'host bits in a network',
    [['cidr: 10.17.3.0/24', 'cidr: ‸10.17.3.7/24']],
    /host bits set; the network is 10\.17\.3\.0\/24/,
  ],
  [
    'overlapping networks',
    [
      ['cidr: 10.17.3.0/24', 'cidr: ‸192.168.0.0/16'],
      ['gateway: 10.17.3.1', 'gateway: 192.168.3.1'],
      ['address: 10.17.3.14', 'address: 192.168.3.14'],
    ],
    'inner overlaps lan (192.168.0.0/24)',
  ],
  [
    'gateway outside of its network',
    [['gateway: 10.17.3.1', 'gateway: ‸10.17.4.1']],
    '10.17.4.1 is outside of inner (10.17.3.0/24)',
  ],
  [
    'router without gateway',
    [['gateway: 10.17.3.1, router', '‸router']],
    'inner has a router but no gateway',
  ],
  ['no such router', [['router: hv', 'router: ‸hw']], 'no host is called hw', 'did you mean hv?'],

  [
    'no such address',
    [[LB2, 'nics: [{ network: lan, address: ‸192.168.0.300 }]']],
    '192.168.0.300 is not an IPv4 address',
  ],
  [
    'address outside of its network',
    [[LB2, 'nics: [{ network: lan, address: ‸10.17.3.31 }]']],
    '10.17.3.31 is outside of lan (192.168.0.0/24)',
    'it belongs to inner',
  ],
  [
    'broadcast address',
    [[LB2, 'nics: [{ network: lan, address: ‸192.168.0.255 }]']],
    '192.168.0.255 is the broadcast address of lan',
  ],
  [
    'network address',
    [[LB2, 'nics: [{ network: lan, address: ‸192.168.0.0 }]']],
    '192.168.0.0 is the network address of lan',
  ],
  [
    'address of another host',
    [[LB2, 'nics: [{ network: lan, address: ‸192.168.0.30 }]']],
    '192.168.0.30 already belongs to lb1',
  ],
  [
    'address of a VIP',
    [[LB2, 'nics: [{ network: lan, address: ‸192.168.0.32 }]']],
    '192.168.0.32 already belongs to the VIP api',
  ],
  [
    'address of the gateway',
    [[LB2, 'nics: [{ network: lan, address: ‸192.168.0.1 }]']],
    '192.168.0.1 already belongs to the gateway of lan',
  ],
  [
    'MAC twice',
    [
      [
        '{ network: lan, address: 192.168.0.30',
        '{ mac: "52:54:00:00:00:01", network: lan, address: 192.168.0.30',
      ],
      [
        '{ network: lan, address: 192.168.0.31',
        '{ mac: ‸"52:54:00:00:00:01", network: lan, address: 192.168.0.31',
      ],
    ],
    '52:54:00:00:00:01 already belongs to lb1',
  ],
  [
    'device twice',
    [
      [
        LB2,
        'nics: [{ network: lan, address: 192.168.0.31 }, { network: inner, address: 10.17.3.31, device: ‸eth0 }]',
      ],
    ],
    'eth0 already belongs to another nic of lb2',
  ],
  [
    'disk twice',
    [
      [
        'os: almalinux 9.5',
        'os: almalinux 9.5, disks: [{ name: d, size: 1GB }, ‸{ name: d, size: 2GB }]',
      ],
    ],
    'd appears twice',
  ],
  [
    'no address at all',
    [
      [
        '  db1: { os: almalinux 9.5, vm_on: hv, memory: 1GB, vcpu: 2, nics: [{ network: inner, address: 10.17.3.14 }] }',
        '  ‸db1: { os: almalinux 9.5 }',
      ],
    ],
    'db1 has no address',
    /give it nics/,
  ],
  [
    'no such network',
    [['network: inner, address', 'network: ‸iner, address']],
    'no network is called iner',
    'did you mean inner?',
  ],
  [
    'no such hypervisor',
    [['os: almalinux 9.5, vm_on: hv', 'os: almalinux 9.5, vm_on: ‸hvv']],
    'no host is called hvv',
    'did you mean hv?',
  ],
  [
    'VM of itself',
    [['os: almalinux 9.5, vm_on: hv', 'os: almalinux 9.5, vm_on: ‸db1']],
    'db1 is a VM of itself',
  ],

  [
    'no such host in a group',
    [['hosts: [db1]', 'hosts: [db1, ‸db2]']],
    'no host is called db2',
    'did you mean db1?',
  ],
  ['host twice in a group', [['hosts: [db1]', 'hosts: [db1, ‸db1]']], 'db1 appears twice'],
  [
    'no such child',
    [['groups:\n', 'groups:\n  top: { children: [lb, ‸dbs] }\n']],
    'no group is called dbs',
    'did you mean db?',
  ],
  [
    'cycle of groups',
    [['groups:\n', 'groups:\n  a: { ‸children: [b] }\n  b: { children: [a] }\n']],
    'the group a contains itself: a → b → a',
  ],
  [
    'a group called all',
    [['groups:\n', 'groups:\n  ‸all: { hosts: [hv] }\n']],
    'a group cannot be called all',
  ],
  [
    'a group called like a host',
    [['groups:\n', 'groups:\n  ‸hv: { hosts: [hv] }\n']],
    'hv is also the name of a host',
  ],

  [
    'VIP outside of its network',
    [[API, '    address: ‸10.17.3.32']],
    '10.17.3.32 is outside of lan (192.168.0.0/24)',
    'it belongs to inner',
  ],
  [
    'VIP with the address of a gateway',
    [[API, '    address: ‸192.168.0.1']],
    '192.168.0.1 already belongs to the gateway of lan',
  ],
  [
    'VIP where a balancer has no nic',
    [
      [API, '    address: 10.17.3.32'],
      ['    network: lan', '    network: ‸inner'],
      ['hosts: [lb1, lb2]', 'hosts: [lb1]'],
    ],
    'the balancer lb1 has no nic in inner, so it cannot hold the VIP api',
    /give lb1 a nic in inner/,
  ],
  [
    'no such network of a VIP',
    [['    network: lan', '    network: ‸lann']],
    'no network is called lann',
    'did you mean lan?',
  ],
  [
    'the PROXY protocol to the K3s API',
    [['    vrid: 51', '    vrid: 51\n    check: k3s\n    proxy_protocol: ‸true']],
    'the K3s API does not understand the PROXY protocol',
  ],
  [
    'more ports than backend_ports',
    [['    vrid: 51', '    vrid: 51\n    backend_ports: ‸[1, 2]']],
    '2 backend_ports for 1 ports',
    /in the same order/,
  ],
  [
    'vrid twice',
    [
      [
        'vips:\n',
        'vips:\n  web: { address: 192.168.0.33, network: lan, vrid: 51, ports: [80], backends: db, balancers: lb }\n',
      ],
      ['    vrid: 51', '    vrid: ‸51'],
    ],
    'vrid 51 in lan already belongs to the VIP web',
  ],
  [
    'no such backends',
    [['backends: db', 'backends: ‸dbs']],
    'no host or group is called dbs',
    'did you mean db?',
  ],
  [
    'no such balancers',
    [['balancers: lb', 'balancers: ‸lbs']],
    'no host or group is called lbs',
    'did you mean lb?',
  ],
  [
    'preferred is no balancer',
    [['balancers: lb', 'balancers: lb\n    preferred: ‸db1']],
    'db1 is not one of the balancers of the VIP api',
  ],

  [
    'a VPN without a hub',
    [withVpn('‸vpn: { cidr: 10.17.0.0/24, mode: wireguard }')],
    'the VPN vpn has no hub',
    /set router to its hub/,
  ],
  [
    'a VPN with a bridge',
    [withVpn(`${VPN.slice(0, -2)}, ‸bridge: br1 }`)],
    'the VPN vpn cannot have a bridge',
  ],
  [
    'a port of a network that is not a VPN',
    [['router: hv }', 'router: hv, ‸port: 51820 }']],
    'inner is not a VPN',
    'only a network with mode: wireguard can have it',
  ],
  [
    'an endpoint that is none',
    [withVpn(`${VPN.slice(0, -2)}, endpoint: ‸"home:51820" }`)],
    /expected an IPv4 address or a host name/,
  ],
  [
    'a MAC address in a VPN',
    [
      withVpn(VPN),
      [LB2, `${LB2.slice(0, -1)}, { network: vpn, address: 10.17.0.3, mac: ‸52:54:00:12:34:56 }]`],
    ],
    'the interface of a VPN has no MAC address',
  ],
  [
    'no way to a host but its VPN',
    [
      withVpn(VPN),
      [
        'nics: [{ network: inner, address: 10.17.3.14 }]',
        'nics: [‸{ network: vpn, address: 10.17.0.3 }]',
      ],
    ],
    'fmc would connect to db1 through a VPN that it first has to set up there',
    /ssh: \{ host \}/,
  ],
]
for (const [title, replacements, message, hint] of ERRORS)
  void t.test(title, async t => {
    const { text, line, column } = marked(small(...replacements))
    const problems = await lint(fileWith(t, text))
    const errors = problems.filter(problem => problem.severity === 'error')
    t.equal(errors.length, 1, `one error: ${errors.map(error => error.message).join('; ')}`)
    const [first] = errors
    if (typeof message === 'string') t.equal(first?.message, message)
    else t.match(first?.message, message)
    if (typeof hint === 'string') t.equal(first?.hint, hint)
    else if (hint !== undefined) t.match(first?.hint, hint)
    t.equal(`${first?.line}:${first?.column}`, `${line}:${column}`, 'the place')
  })

const WARNINGS: readonly Row[] = [
  [
    'memory',
    [['memory: 4GB', 'memory: ‸2.5GB']],
    'the 3 VMs of hv have 3 GB of memory together, 0.5 GB more than its 2.5 GB',
  ],
  [
    'processors',
    [['vcpu: 4', 'vcpu: ‸3']],
    'the 3 VMs of hv have 4 vCPUs together, 1 more than its 3',
  ],
  [
    'a VIP beside the default route',
    [
      [
        LB2,
        'nics: [{ network: inner, address: 10.17.3.31 }, { network: lan, address: 192.168.0.31 }]',
      ],
      ['    network: lan', '    network: ‸lan'],
    ],
    /^lb2 answers for the VIP api through inner/,
  ],
  [
    'a pattern without hosts',
    [['backends: db', 'backends: ‸db:!db1']],
    'the pattern db:!db1 matches no host',
  ],
]
for (const [title, replacements, message] of WARNINGS)
  void t.test(`warning: ${title}`, async t => {
    const { text, line, column } = marked(small(...replacements))
    const problems = await lint(fileWith(t, text))
    t.equal(problems.length, 1)
    t.match(problems[0], { severity: 'warning', message, line, column })
  })

/** Clashes: ‸ marks the place that has the problem, † the other one. */
const CLASHES: readonly (readonly [string, readonly (readonly [from: string, to: string])[]])[] = [
  [
    'address',
    [
      ['address: 192.168.0.30', 'address: †192.168.0.30'],
      ['address: 192.168.0.31', 'address: ‸192.168.0.30'],
    ],
  ],
  [
    'address and gateway',
    [
      ['gateway: 192.168.0.1 }', 'gateway: †192.168.0.1 }'],
      ['address: 192.168.0.31', 'address: ‸192.168.0.1'],
    ],
  ],
  [
    'address and VIP',
    [
      ['address: 192.168.0.32', 'address: †192.168.0.32'],
      ['address: 192.168.0.31', 'address: ‸192.168.0.32'],
    ],
  ],
  [
    'MAC',
    [
      [
        '{ network: lan, address: 192.168.0.30',
        '{ mac: †52:54:00:00:00:01, network: lan, address: 192.168.0.30',
      ],
      [
        '{ network: lan, address: 192.168.0.31',
        '{ mac: ‸52:54:00:00:00:01, network: lan, address: 192.168.0.31',
      ],
    ],
  ],
  [
    'router id',
    [
      [
        'vips:\n',
        'vips:\n  web: { address: 192.168.0.33, network: lan, vrid: †51, ports: [80], backends: db, balancers: lb }\n',
      ],
      ['    vrid: 51', '    vrid: ‸51'],
    ],
  ],
  [
    'networks',
    [
      ['cidr: 192.168.0.0/24', 'cidr: †192.168.0.0/24'],
      ['cidr: 10.17.3.0/24', 'cidr: ‸192.168.0.0/16'],
      ['gateway: 10.17.3.1', 'gateway: 192.168.3.1'],
      ['address: 10.17.3.14', 'address: 192.168.3.14'],
    ],
  ],
  [
    'group and host',
    [
      ['groups:\n', 'groups:\n  ‸hv: { hosts: [hv] }\n'],
      ['  hv: { os', '  †hv: { os'],
    ],
  ],
  ['host twice in a group', [['hosts: [db1]', 'hosts: [†db1, ‸db1]']]],
  [
    'too large a VM',
    [
      ['memory: 4GB', 'memory: †4GB'],
      ['vm_on: hv, memory: 1GB, vcpu: 2', 'vm_on: hv, memory: ‸8GB, vcpu: 2'],
    ],
  ],
]
for (const [title, replacements] of CLASHES)
  void t.test(`both places of a clash: ${title}`, async t => {
    const text = small(...replacements)
    const here = marked(text.replace('†', ''))
    const there = marked(text.replace('‸', '').replace('†', '‸'))
    const errors = (await lint(fileWith(t, here.text))).filter(p => p.severity === 'error')
    t.equal(errors.length, 1)
    t.match(errors[0], {
      line: here.line,
      column: here.column,
      related: { line: there.line, column: there.column },
    })
  })

void t.test('time zones: canonical names, links and offsets', async t => {
  for (const zone of ['UTC', 'Etc/UTC', 'US/Eastern', 'GMT', 'Etc/GMT+5', 'Asia/Kolkata', 'CET'])
    t.same(await lint(fileWith(t, small(['Europe/Madrid', zone]))), [], zone)
  t.same(await lint(fileWith(t, small(['memory: 4GB', 'memory: 4GiB']))), [], 'GiB is GB')
})

void t.test('a valid inventory has no problems', async t => {
  t.same(await lint(fileWith(t, SMALL)), [])
  const asRouter = small([
    'address: 192.168.0.40 }]',
    'address: 192.168.0.40 }, { network: inner, address: 10.17.3.1 }]',
  ])
  t.same(await lint(fileWith(t, asRouter)), [], 'the router may list the gateway as its nic')
  const vrids = small([
    'vips:\n',
    'vips:\n  int: { address: 10.17.3.33, network: inner, vrid: 51, ports: [80], backends: db, balancers: db }\n',
  ])
  t.same(await lint(fileWith(t, vrids)), [], 'one vrid in two networks')
  const unknownSize = small(['memory: 4GB, vcpu: 4, ', ''])
  t.same(await lint(fileWith(t, unknownSize)), [], 'a hypervisor whose size is not stated')
  const vpn = small(withVpn(VPN), [
    LB2,
    `${LB2.slice(0, -1)}, { network: vpn, address: 10.17.0.3 }, { network: inner, address: 10.17.3.9 }]`,
  ])
  const file = fileWith(t, vpn)
  t.same(await lint(file), [], 'a spoke of a VPN')
  const { hosts, networks } = await loadInventory(file)
  t.same(
    hosts.get('lb2')?.nics.map(nic => nic.device),
    ['eth0', 'wg0', 'eth1'],
    'its interface is no further card',
  )
  t.equal(networks.get('vpn')?.port, 51820)
})

void t.test('every problem is reported, in the order of the file', async t => {
  const text = small(
    ['mode: open', 'mode: open, modes: 1'],
    ['hosts: [db1]', 'hosts: [db2]'],
    ['vcpu: 2', 'vcpu: 2, ram: 2'],
    ['address: 192.168.0.31', 'address: 192.168.0.30'],
  )
  const problems = await lint(fileWith(t, text))
  t.same(
    problems.map(problem => problem.message),
    [
      'unknown key modes',
      'the pattern db matches no host',
      'no host is called db2',
      '192.168.0.30 already belongs to lb1',
      'unknown key ram',
    ],
  )
})
