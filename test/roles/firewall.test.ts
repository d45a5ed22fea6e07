// The firewall of today's cloud on the lab's hypervisor, with a host or two of each network around it: Debian instead of
// Enterprise Linux, which has firewalld on every host (test/roles/hypervisor.el.test.ts).
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { endsOf, explain } from '../../lib/firewall/path.ts'
import { rulesOf } from '../../lib/firewall/rules.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { vars } from '../../roles/firewall/vars.ts'
import { proveRole, rig, ROOT, run, type FmcRun, type Rig } from '../rig/lab.ts'
import { listen, reach, type Attempt } from '../rig/reach.ts'

const HV = 'hypervisor'
const HOSTS = [
  HV,
  'loadbalancer1',
  'infra-cluster',
  'postgresql1',
  'master1',
  'worker1',
  'storage1',
]
const PORTS: Pick<Attempt, 'proto' | 'port'>[] = [
  ...[22, 53, 80, 443, 2049, 5432, 6443, 9999].map(port => ({ proto: 'tcp' as const, port })),
  ...[53, 123, 9999].map(port => ({ proto: 'udp' as const, port })),
]
/** The lab's LAN stands for the LAN and, with an unused address, for the Internet behind the router. */
const WAN = '203.0.113.1'
const LAN = '192.168.0.1'
/** A client behind the tunnel: a packet from WireGuard is to the kernel like any other. */
const VPN = '10.17.0.2'
const SOURCES = ['lan', 'wan', 'vpn', ...HOSTS]
const TARGETS = ['lan', 'wan', ...HOSTS]
const ROLE = ['role', 'firewall', HV]
const FILE = '/etc/nftables/fmc.nft'
const INVENTORY = join(t.testdir(), 'inventory.yaml')
writeFileSync(
  INVENTORY,
  readFileSync(join(ROOT, 'inventory.yaml'), 'utf8').replace(
    /os: (rocky|almalinux) .*/g,
    'os: debian 12',
  ),
)
/** A run's own connection survives it. */
const CUT = 'nft insert rule inet fmc input tcp dport 22 ct state new drop'

/** What must be so, whatever the evaluator says: source, target, ports that answer. */
const DECLARED: [string, string, string][] = [
  ['lan', HV, '22'],
  ['wan', HV, ''],
  ['vpn', HV, 'all'],
  ['vpn', 'master1', 'all'],
  ['vpn', 'postgresql1', 'all'],
  ['vpn', 'loadbalancer1', 'all'],
  ['loadbalancer1', HV, '22'],
  ['master1', HV, ''],
  ['lan', 'master1', '22'],
  ['lan', 'worker1', '22'],
  ['lan', 'infra-cluster', '22 53 53/udp 123/udp'],
  ['lan', 'postgresql1', '22'],
  ['wan', 'master1', ''],
  ['wan', 'worker1', ''],
  ['wan', 'infra-cluster', ''],
  ['loadbalancer1', 'master1', '22 6443'],
  ['loadbalancer1', 'worker1', '22 80 443'],
  ['infra-cluster', 'master1', ''],
  ['postgresql1', 'storage1', '2049'],
  ['postgresql1', 'worker1', ''],
  ['worker1', 'postgresql1', '5432'],
  ['master1', 'infra-cluster', '53 53/udp 123/udp'],
  ['master1', 'lan', ''],
]

const name = ({ proto, port }: Pick<Attempt, 'proto' | 'port'>): string =>
  proto === 'udp' ? `${port}/udp` : String(port)

const ALL = PORTS.map(name).join(' ')

/** A network namespace behind the hypervisor's wg0. A boot removes the device, so it is made again afterwards. */
async function vpn(t: Test, r: Rig): Promise<string> {
  const hv = r.state.hosts.find(h => h.name === HV)?.netns ?? ''
  const netns = `${hv}-vpn`
  t.teardown(() => run(['ip', 'netns', 'del', netns]))
  const commands = [
    `ip netns del ${netns} 2>/dev/null || :; ip -n ${hv} link del wg0 2>/dev/null || :`,
    `ip netns add ${netns}`,
    `ip link add wg0 netns ${hv} type veth peer name vpn0 netns ${netns}`,
    `ip -n ${hv} addr add 10.17.0.1/24 dev wg0; ip -n ${hv} link set wg0 up`,
    `ip -n ${netns} addr add ${VPN}/24 dev vpn0; ip -n ${netns} link set vpn0 up; ip -n ${netns} route add default via 10.17.0.1`,
  ]
  const { code, stderr } = await run(['sh', '-ec', commands.join('\n')])
  if (code !== 0) throw new Error(stderr)
  return `/run/netns/${netns}`
}

/** source → target → ports that answer, tried for real. */
async function matrix(r: Rig, tunnel: string): Promise<Map<string, string>> {
  const inventory = await loadInventory(INVENTORY)
  const found = new Map<string, string>()
  const address = (from: string, to: string): string =>
    to === 'lan'
      ? LAN
      : to === 'wan'
        ? WAN
        : endsOf(inventory, from === 'lan' ? LAN : from === 'vpn' ? VPN : from, to)[1]
  await Promise.all(
    SOURCES.map(async from => {
      const there = from === 'vpn' ? tunnel : HOSTS.includes(from) ? from : undefined
      const targets = TARGETS.filter(
        to => to !== from && (there !== undefined || HOSTS.includes(to)),
      )
      const tries = targets.flatMap(to =>
        PORTS.map(p => ({ ...p, target: to, to: address(from, to) })),
      )
      const yes = await reach(
        r.state,
        there,
        tries.map(({ to, proto, port }) => ({
          to,
          proto,
          port,
          ...(from === 'wan' ? { from: WAN } : {}),
        })),
      )
      for (const to of targets)
        found.set(
          `${from} ${to}`,
          tries
            .filter((a, i) => a.target === to && yes[i])
            .map(name)
            .join(' '),
        )
    }),
  )
  return found
}

/** The same, as the rules say. */
async function expected(): Promise<Map<string, string>> {
  const inventory = await loadInventory(INVENTORY)
  const host = inventory.hosts.get(HV)
  if (!host) throw new Error('no hypervisor')
  const own = Object.fromEntries(Object.entries(host.vars).filter(([k]) => k in vars.shape))
  const rules = new Map([[HV, rulesOf(inventory, host, vars.parse(own))]])
  const said = new Map<string, string>()
  for (const source of SOURCES)
    for (const target of TARGETS.filter(to => to !== source)) {
      if (!HOSTS.includes(source) && source !== 'vpn' && !HOSTS.includes(target)) continue
      const named = (n: string): string => ({ lan: LAN, vpn: VPN })[n] ?? n
      const [from, to] = endsOf(inventory, named(source), named(target))
      // The lab's LAN is a router, too, and lets everything pass.
      const open = PORTS.filter(
        p => explain(inventory, rules, { from, to, ...p }).verdict !== 'drop',
      )
      said.set(`${source} ${target}`, open.map(name).join(' '))
    }
  return said
}

void t.test('firewall', { timeout: 900_000 }, async t => {
  const r = await rig(t, 'firewall', { inventory: INVENTORY, hosts: HOSTS })
  await r.inLan('ip', 'addr', 'add', `${WAN}/32`, 'dev', 'lo')
  const tunnel = await vpn(t, r)
  for (const host of [undefined, ...HOSTS]) await listen(t, r.state, host, PORTS)
  let beforeBoot = {}
  const nft = (what = '-s list ruleset') => r.text(HV, `nft ${what}`)

  await t.test(
    'before the role everything passes; otherwise the port matrix would prove nothing',
    async t => {
      const open = await matrix(r, tunnel)
      t.match(open.get('wan master1'), '6443')
      t.match(open.get('infra-cluster worker1'), '9999/udp')
    },
  )

  await t.test('apply; tables of others are untouched; firewalld gives way', async t => {
    await r.text(
      HV,
      `command -v nft >/dev/null || apt-get -qq install -y nftables >/dev/null
nft 'table ip foreign { chain c { type filter hook forward priority 0; ct state new counter accept; }; }'`,
    )
    const unit = `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=sh -c "[ ! -e /run/cut ] || nft -f ${FILE}"
ExecStop=sh -c "nft list table inet fmc >/run/proven; [ ! -e /run/cut ] || ${CUT}"
[Install]
WantedBy=multi-user.target
`
    await r.on(HV, 'cat >/etc/systemd/system/firewalld.service', unit)
    await r.text(HV, 'systemctl daemon-reload; systemctl -q enable --now firewalld')
    const done = await proveRole(t, r, ...ROLE)
    const before = await nft('-sa list ruleset')
    t.strictSame((await r.fmc(...ROLE)).changed, [])
    t.equal(await nft('-sa list ruleset'), before, 'byte for byte, and not loaded anew')
    t.ok(done.changed.includes(`${HV} firewall/firewalld gives way to fmc's table`))
    t.match(
      await r.text(HV, 'cat /run/proven; systemctl is-enabled firewalld || true'),
      /policy drop[^]*disabled/,
    )
    t.match(await nft(), /table ip foreign/)
    t.notMatch(
      await r.text(HV, 'ls /var/lib/fmc/guard /etc/systemd/system'),
      /fmc-guard|firewall$/m,
      'no guard is left',
    )
  })

  await t.test('port matrix', async t => {
    const [open, said] = await Promise.all([matrix(r, tunnel), expected()])
    beforeBoot = Object.fromEntries(open)
    t.comment(`answered, of ${PORTS.map(name).join(' ')}:`)
    for (const [pair, ports] of open) t.comment(`${pair.replace(' ', ' → ')}: ${ports || '-'}`)
    t.comment(`${open.size} pairs × ${PORTS.length} ports = ${open.size * PORTS.length} attempts`)
    for (const [from, to, ports] of DECLARED)
      t.equal(open.get(`${from} ${to}`), ports === 'all' ? ALL : ports, `${from} → ${to}`)
    for (const [pair, ports] of open)
      t.equal(ports, said.get(pair), `${pair}: as fmc firewall explain says`)
  })

  await t.test('fmc firewall probe finds what differs from the declaration', async t => {
    const probe = async () => {
      const limit = `--limit=${HOSTS.join(',')}`
      const ran = await r.fmc('firewall', 'probe', limit, '--timeout=6', '--sample=60')
      const lines = ran.stdout.trim().split('\n')
      const values = lines.map(line => JSON.parse(line) as Record<string, string>)
      const different = values
        .filter(v => v['differs'])
        .map(v => `${v['from']} → ${v['to']} ${v['port']}/${v['proto']} ${v['found']}`)
      return { code: ran.code, different, summary: values.at(-1), stderr: ran.stderr }
    }
    const clean = await probe()
    t.strictSame(clean.different, [])
    t.match(clean, { code: 0, summary: { type: 'summary', differ: 0 } }, clean.stderr)
    t.ok(Number(clean.summary?.['asDeclared']) > 60, JSON.stringify(clean.summary))
    await nft('insert rule inet fmc forward tcp dport 9999 accept')
    await nft('insert rule inet fmc forward tcp dport 5432 reject with tcp reset')
    await nft('insert rule inet fmc forward udp dport 53 drop')
    const holed = await probe()
    t.equal(holed.code, 2)
    t.ok(
      holed.different.some(text => / 9999\/tcp open$/.test(text)),
      holed.different.join('\n'),
    )
    for (const text of [
      'master1 → postgresql1 5432/tcp rejected',
      'master1 → infra-cluster 53/udp blocked',
    ])
      t.ok(holed.different.includes(text), `${text}: ${holed.different.join('\n')}`)
    t.notOk(
      holed.different.some(text => !/ (9999|5432|53)\//.test(text)),
      'and nothing else',
    )
    await r.text(HV, `nft -f ${FILE}`)
  })

  await t.test('no host of the LAN can spoof an address behind the hypervisor', async t => {
    const from = '10.17.4.99'
    await nft(
      `'table ip spoof { chain c { type filter hook postrouting priority 0; ip saddr ${from} counter; }; }'`,
    )
    await r.inLan('ip', 'addr', 'add', `${from}/32`, 'dev', 'lo')
    const passed = async () => {
      await reach(r.state, undefined, [{ from, to: '10.17.3.11', proto: 'udp', port: 53 }])
      return Number(/counter packets (\d+)/.exec(await nft('list table ip spoof'))?.[1])
    }
    t.equal(await passed(), 0)
    await nft('delete table inet fmc')
    t.ok((await passed()) > 0, 'nothing but the table is in its way')
    await r.text(HV, `nft -f ${FILE}; nft delete table ip spoof`)
    await r.inLan('ip', 'addr', 'del', `${from}/32`, 'dev', 'lo')
  })

  await t.test('a table that is gone or altered is drift', async t => {
    for (const by of ['delete table inet fmc', 'insert rule inet fmc forward accept']) {
      const before = await nft('-s list table inet fmc')
      await nft(by)
      const planned = await r.fmc(...ROLE, '--dry-run')
      t.strictSame(planned.changed, [`${HV} firewall/table inet fmc`], by)
      const done = await r.fmc(...ROLE)
      t.match(done, { code: 0, changed: planned.changed }, by)
      t.equal(await nft('-s list table inet fmc'), before, by)
    }
  })

  await t.test('the host itself restores rules after a change that cuts SSH off', async t => {
    const state = () =>
      r.text(
        HV,
        `nft -s list ruleset; cat ${FILE}; for q in active enabled; do systemctl is-$q fmc-nft firewalld || :; done`,
      )
    const told = (ran: FmcRun, guard: string) =>
      ran.tasks.find(e => e.task === `guard ${guard}`)?.changes[0]?.what
    const LOG = ['-e', 'firewall_log=true', '-e', 'firewall_guard_seconds=10']
    const hook = async (command: string) => {
      const dir = '/etc/systemd/system/fmc-nft.service.d'
      const text = `[Service]\nExecStartPost=sh -c "${command}"\n`
      await r.on(HV, `mkdir -p ${dir}; cat >${dir}/hook.conf`, text)
      await r.text(HV, 'systemctl daemon-reload; systemctl stop fmc-nft')
    }
    const before = await state()

    await hook(CUT)
    const cut = await r.fmc(...ROLE, ...LOG)
    t.equal(cut.code, 2)
    t.match(cut.failures.join(), /confirm firewall: no new connection was possible .* undone at /)
    t.notMatch(cut.failures.join(), /its undo failed/)
    t.equal(await state(), before, 'a new connection, and everything as it was')

    await hook('echo no table >>/var/lib/fmc/guard/firewall/table; exit 1')
    const bad = await r.fmc(...ROLE, ...LOG)
    t.match(told(bad, 'firewall'), /^undone at .* was not confirmed/)
    t.match(bad.failures.join(), /undone at .*; its undo failed with code 1: journalctl/)
    await r.text(
      HV,
      'rm -r /etc/systemd/system/fmc-nft.service.d; systemctl daemon-reload; systemctl start fmc-nft',
    )
    t.equal(await state(), before, 'the file was put back, and that is what is loaded')

    await r.text(HV, 'touch /run/cut; systemctl -q enable --now firewalld')
    const both = await state()
    const alone = await r.fmc(...ROLE, ...LOG.slice(2))
    t.match(told(alone, 'firewall'), /its undo failed with code 1/)
    t.match(
      alone.failures.join(),
      /confirm firewalld: no new connection was possible .* undone at /,
    )
    t.equal(await state(), both, 'firewalld runs again, and with the next boot')
    await r.text(HV, 'rm /run/cut')
    const last = await r.fmc(...ROLE)
    t.match(told(last, 'firewalld'), /^undone at /)
    t.equal(last.code, 0, last.failures.join('\n'))
    t.equal(await state(), before)
  })

  await t.test('rules that would lock fmc out are refused before anything is changed', async t => {
    const before = await nft()
    const bad = 'firewall_flows: [{ from: 10.99.0.0/16, to: hypervisor, ports: [22] }]\n'
    const file = join(t.testdir({ 'bad.yaml': bad }), 'bad.yaml')
    const ran = await r.fmc(...ROLE, '-e', `@${file}`)
    t.equal(ran.code, 2)
    t.match(
      ran.failures.join(),
      /no flow lets fmc's own SSH in: 192\.168\.0\.1 → 192\.168\.0\.40 port 22/,
    )
    t.equal(await nft(), before)
  })

  await t.test('after a boot: the unit has loaded it, and the matrix is the same', async t => {
    const before = await nft('-s list table inet fmc')
    await r.text(HV, 'nft flush ruleset')
    const booted = await r.fmc('role', 'reboot', HV)
    t.equal(booted.code, 0, booted.failures.join('\n'))
    t.equal(await nft('-s list table inet fmc'), before)
    const [open, said] = await Promise.all([matrix(r, await vpn(t, r)), expected()])
    t.strictSame(Object.fromEntries(open), beforeBoot, 'port by port as before the boot')
    for (const [pair, ports] of open) t.equal(ports, said.get(pair), pair)
    t.match(await r.fmc(...ROLE), { code: 0, changed: { length: 0 } })
  })
})
