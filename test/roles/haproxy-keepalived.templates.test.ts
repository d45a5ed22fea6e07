import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Host, Vip } from '../../lib/index.ts'
import { balancedBy, priorityOf } from '../../roles/haproxy-keepalived/balancing.ts'
import { mayTouch, oneHolderEach } from '../../roles/haproxy-keepalived/holder.ts'
import { parseState, type BalancerState } from '../../roles/haproxy-keepalived/state.ts'
import {
  checkScript,
  haproxyCfg,
  keepalivedConf,
} from '../../roles/haproxy-keepalived/templates.ts'
import { vars } from '../../roles/haproxy-keepalived/vars.ts'
import { adminSocket } from '../../roles/shared/platform.ts'
import { OWN_CURL } from '../../roles/shared/curl.ts'
import { ROOT } from '../rig/lab.ts'

const host = (
  name: string,
  ...nics: readonly (readonly [network: string, address: string])[]
): Host =>
  ({
    name,
    nics: nics.map(([network, address], i) => ({
      network,
      address,
      device: `eth${i}`,
      mac: undefined,
    })),
  }) as unknown as Host

const api: Vip = {
  name: 'api',
  address: '192.168.0.32',
  network: 'lan',
  prefix: 24,
  vrid: 51,
  ports: [6443],
  backendPorts: [6443],
  backends: 'servers',
  check: 'k3s',
  proxyProtocol: false,
  balancers: 'lbs',
  preferred: undefined,
}
const web: Vip = {
  ...api,
  name: 'web',
  address: '192.168.0.33',
  vrid: 52,
  ports: [80, 443],
  backendPorts: [80, 443],
  check: 'tcp',
  backends: 'workers',
}

const balancers = [1, 2, 3].map(i => host(`lb${i}`, ['lan', `192.168.0.${29 + i}`]))
const groups =
  (count: number) =>
  (pattern: string): readonly Host[] =>
    ({
      lbs: balancers.slice(0, count),
      servers: [
        host('m1', ['kube', '10.17.4.21']),
        host('m2', ['kube', '10.17.4.22'], ['lan', '192.168.0.72']),
      ],
      workers: [host('w1', ['kube', '10.17.4.24'])],
    })[pattern] ?? []

const defaults = vars.parse({})

t.test('priorities fall from the preferred balancer on', t => {
  for (const [count, preferred, expected] of [
    [1, undefined, [100]],
    [2, undefined, [110, 100]],
    [2, 'lb2', [100, 110]],
    [3, undefined, [120, 110, 100]],
    [3, 'lb3', [110, 100, 120]],
  ] as const) {
    const some = balancers.slice(0, count)
    t.strictSame(
      some.map(h => priorityOf(h, { ...api, preferred }, some)),
      expected,
      `${count} balancers, ${preferred ?? 'first'} preferred`,
    )
  }
  const many = Array.from({ length: 60 }, (_, i) => host(`b${i}`))
  const all = many.map(h => priorityOf(h, api, many))
  t.ok(
    Math.max(...all) <= 254 && Math.min(...all) >= 1 && new Set(all).size === 60,
    'and stay within VRRP with many',
  )
  t.end()
})

t.test('a balancer finds its NIC, its peers and the backends nearest to it', t => {
  const [plan] = balancedBy(balancers[0]!, [api], groups(3))
  t.match(plan, {
    device: 'eth0',
    source: '192.168.0.30',
    peers: ['192.168.0.31', '192.168.0.32'],
    priority: 120,
  })
  t.strictSame(
    plan?.servers,
    [
      { name: 'm1', address: '10.17.4.21' },
      { name: 'm2', address: '192.168.0.72' },
    ],
    'an address in a network of both, else the first',
  )
  t.throws(
    () => balancedBy(host('lb9', ['kube', '10.17.4.9']), [api], groups(2)),
    /lb9 has no NIC in lan/,
  )
  t.throws(() => balancedBy(balancers[0]!, [], groups(2)), /lb1 is not a balancer of any VIP/)
  t.throws(
    () =>
      balancedBy(balancers[0]!, [{ ...api, backends: 'x' }], p =>
        p === 'x' ? [host('bare')] : groups(2)(p),
      ),
    /bare has no address/,
  )
  t.end()
})

const SOCKET = '/run/haproxy-fmc.sock'

t.test('haproxy.cfg', t => {
  const { text, digest } = haproxyCfg(
    balancedBy(balancers[0]!, [api, web], groups(2)),
    defaults,
    SOCKET,
  )
  t.ok(
    text.endsWith('\n') && !text.endsWith('\n\n'),
    'ends with one newline: haproxy refuses a file without',
  )
  t.strictSame(text.match(/^frontend .*|^backend .*|^ {4}bind .*/gm), [
    'frontend health',
    '    bind 127.0.0.1:8404',
    'frontend admin',
    `    bind unix@${SOCKET} user root group root mode 600`,
    ...['frontend api_6443', '    bind 192.168.0.32:6443', 'backend api_6443'],
    ...['frontend web_80', '    bind 192.168.0.33:80', 'backend web_80'],
    ...['frontend web_443', '    bind 192.168.0.33:443', 'backend web_443'],
  ])
  const section = (name: string) =>
    text.split('\n\n').find(s => s.startsWith(name)) ?? text.slice(text.indexOf(name))
  t.match(
    section('backend api_6443'),
    /option httpchk GET \/readyz\n +http-check expect rstatus \^\(200\|401\)\$\n +default-server check check-ssl verify none inter 3s fastinter 1s fall 1 rise 2 observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions\n +server m1 10\.17\.4\.21:6443/,
  )
  t.match(
    section('backend web_443'),
    /default-server check inter 3s fastinter 1s fall 3 rise 2 on-marked-down shutdown-sessions\n +server w1 10\.17\.4\.24:443/,
  )
  t.notMatch(section('backend web_443'), /ssl|httpchk|proxy/)
  const proxied = balancedBy(balancers[0]!, [api, { ...web, proxyProtocol: true }], groups(1))
  t.strictSame(
    haproxyCfg(proxied, defaults, SOCKET)
      .text.split('\n')
      .filter(line => line.includes('send-proxy'))
      .map(line => line.trim().slice(0, 52)),
    Array<string>(2).fill('default-server check send-proxy-v2 check-send-proxy '),
    'both ports of the one VIP',
  )
  t.match(
    haproxyCfg(
      balancedBy(balancers[0]!, [{ ...web, backendPorts: [30080, 30443] }], groups(2)),
      defaults,
      SOCKET,
    ).text,
    /bind 192\.168\.0\.33:443\n[\s\S]*backend web_443[\s\S]*server w1 10\.17\.4\.24:30443\n/,
    'other ports on the backends',
  )
  for (const timeout of ['connect', 'client', 'server', 'check', 'queue'])
    t.match(text, `\n    timeout ${timeout} `)
  t.match(text, `string ${digest} if { path /config }`)
  t.notMatch(text, '@digest@')
  const other = haproxyCfg(
    balancedBy(balancers[0]!, [api, web], groups(2)),
    {
      ...defaults,
      haproxy_maxconn: 5,
    },
    SOCKET,
  )
  t.not(other.digest, digest, 'another configuration answers otherwise')
  t.match(
    haproxyCfg(
      balancedBy(balancers[0]!, [{ ...web, backends: 'nobody' }], groups(2)),
      defaults,
      SOCKET,
    ).text,
    'backend web_80',
    'a VIP without backends is served, by nobody',
  )
  t.end()
})

t.test('keepalived.conf with one, two and three balancers', t => {
  for (const [count, peers] of [
    [1, []],
    [2, ['192.168.0.31']],
    [3, ['192.168.0.31', '192.168.0.32']],
  ] as const) {
    const text = keepalivedConf(
      'lb1',
      balancedBy(balancers[0]!, [api, web], groups(count)),
      defaults,
    )
    t.strictSame(text.match(/^vrrp_instance .*/gm), ['vrrp_instance api {', 'vrrp_instance web {'])
    t.equal(text.match(/state BACKUP\n {4}nopreempt\n/g)?.length, 2, 'nobody takes an address away')
    t.strictSame(text.match(/virtual_router_id \d+/g), [
      'virtual_router_id 51',
      'virtual_router_id 52',
    ])
    t.match(text, 'enable_script_security\n    script_user root')
    t.match(text, '192.168.0.32/24')
    const [instance = ''] = text.split('vrrp_instance ').slice(1)
    t.strictSame(
      [...(/unicast_peer \{([^}]*)\}/.exec(instance)?.[1] ?? '').matchAll(/\S+/g)].map(m => m[0]),
      peers,
      `${count} balancers`,
    )
    t.equal(instance.includes('unicast_src_ip 192.168.0.30'), count > 1)
    t.equal(text.split('{').length, text.split('}').length, 'every block is closed')
  }
  t.match(checkScript({ ...defaults, haproxy_health_port: 9000 }), '127.0.0.1:9000/healthz\n')
  t.end()
})

t.test("a balancer's state is parsed strictly", t => {
  const addresses =
    '1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n2: eth0    inet 192.168.0.32/24 scope global secondary eth0\\ valid\n'
  t.strictSame(parseState(`active\n0\n0\n${addresses}`), {
    configured: true,
    keepalived: true,
    haproxy: true,
    addresses: ['127.0.0.1', '192.168.0.32'],
  })
  t.match(parseState('inactive\n7\n0\n'), { configured: true, haproxy: false })
  t.strictSame(parseState('inactive\n127\n1\n'), {
    configured: false,
    keepalived: false,
    haproxy: false,
    addresses: [],
  })
  for (const garbage of [
    '',
    'active\n',
    'active\n0',
    'active\n0\nhello\n',
    'active\n0\n0\nhello\n',
    'active 0\n0\n',
    `active\nx\n0\n${addresses}`,
  ])
    t.throws(() => parseState(garbage), /state makes no sense/, JSON.stringify(garbage))
  t.end()
})

const sound = (...addresses: string[]): BalancerState => ({
  configured: true,
  keepalived: true,
  haproxy: true,
  addresses,
})
const fresh: BalancerState = { configured: false, keepalived: false, haproxy: false, addresses: [] }
const stopped: BalancerState = { ...fresh, configured: true }

t.test('the invariant', t => {
  const names = () => ['lb1', 'lb2']
  const holder = sound(api.address, web.address)
  const after = (a: BalancerState | string, b: BalancerState | string) =>
    oneHolderEach(
      [api, web],
      new Map([
        ['lb1', a],
        ['lb2', b],
      ]),
    )
  const before = (
    a: BalancerState | string,
    b: BalancerState | string,
    batch: string[],
    who = names,
  ) =>
    mayTouch(
      [api, web],
      new Map([
        ['lb1', a],
        ['lb2', b],
      ]),
      who,
      batch,
    )

  t.equal(after(holder, sound()), true)
  t.equal(
    after(sound(api.address), sound(web.address)),
    true,
    'different holders of different VIPs',
  )
  t.equal(after(holder, 'no route to host'), true, 'one that cannot be asked is not counted')
  t.match(after(holder, sound(api.address)), /lb1 and lb2 both hold api/)
  t.match(
    after(sound(), stopped),
    /no balancer holds api \(192\.168\.0\.32\): lb1: healthy; lb2: keepalived does not run/,
  )

  t.equal(before(fresh, fresh, ['lb1']), true, 'a new cloud')
  t.equal(
    before(sound(), { ...sound(), haproxy: false }, ['lb2']),
    true,
    'what nobody holds cannot be lost: repair is possible',
  )
  t.equal(before(holder, fresh, ['lb2']), true, 'the backup may be touched at any time')
  t.equal(before(holder, sound(), ['lb1']), true)
  t.equal(
    before(holder, stopped, ['lb1'], () => ['lb1']),
    true,
    'the only balancer there is',
  )
  t.equal(before(holder, fresh, ['lb1']), true, 'a new balancer waits for the holder')
  t.match(
    before(holder, stopped, ['lb1']),
    /lb1 holds api .*no other balancer could take it: lb2: keepalived does not run, haproxy does not answer. Repair lb2 first \(fmc play site --limit lb2\)/,
  )
  t.match(before(holder, { ...sound(), haproxy: false }, ['lb1']), /lb2: haproxy does not answer/)
  t.match(before(holder, 'no route to host', ['lb1']), /lb2: no route to host/)
  t.match(before(holder, sound(api.address), ['lb2']), /both hold api.*systemctl stop keepalived/)
  t.match(before(holder, sound(), ['lb1', 'lb2']), /together with lb2: the play needs serial: 1/)
  t.end()
})

t.test('where haproxy takes commands', t => {
  const readme = readFileSync(join(ROOT, 'roles/haproxy-keepalived/README.md'), 'utf8')
  for (const family of ['debian', 'el'] as const) {
    const socket = adminSocket({ os: { name: family, family, version: '9' } } as unknown as Host)
    t.match(socket, /^\/run\/[^/]+$/, 'in a directory where only root may rename it')
    t.match(readme, `${OWN_CURL} --unix-socket ${socket} -d`, 'the command by hand')
    // The names that selinux-policy labels haproxy_var_run_t (rhcs.fc).
    if (family === 'el') t.match(socket, /^\/run\/haproxy\.sock.*$/)
  }
  t.end()
})
