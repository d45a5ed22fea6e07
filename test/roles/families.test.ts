// Roles on the operating systems that neither the site nor their own tests have them on. The NFS server is in the kernel, and
// machines of the lab other than Flatcar's have no other: it is tested on Flatcar only.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { proveRole, rig, ROOT, type FmcRun } from '../rig/lab.ts'

const INVENTORY = `
timezone: Europe/Madrid
domain: family.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
vips:
  front: { address: 192.168.0.20, network: lan, vrid: 20, ports: [15432], backends: databases, backend_ports: [5432], balancers: balancers }
groups:
  balancers: { hosts: [trixie] }
  infra: { hosts: [debian, trixie] }
  databases:
    hosts: [debian, trixie]
    vars:
      postgresql_roles: [{ name: app, password: !secret postgresql_app }]
      postgresql_databases: [{ name: app, owner: app }]
      postgresql_hba: [{ database: app, user: app, address: lan }]
  firewalled:
    hosts: [flatcar, trixie]
    vars:
      firewall_flows: [{ from: lan, to: firewalled, ports: [22, 53/udp, 123/udp, 5432, 15432] }]
hosts:
  debian: { os: debian 12, memory: 1GB, nics: [{ network: lan, address: 192.168.0.10 }] }
  flatcar: { os: flatcar, nics: [{ network: lan, address: 192.168.0.11 }] }
  trixie: { os: debian 13, memory: 1GB, nics: [{ network: lan, address: 192.168.0.12 }] }
`
const PLAYBOOK = `
import { play, playbook, together } from '${ROOT}/lib/index.ts'
import corednsChrony from '${ROOT}/roles/coredns-chrony/index.ts'
import firewall from '${ROOT}/roles/firewall/index.ts'
import balancers from '${ROOT}/roles/haproxy-keepalived/index.ts'
import postgresql from '${ROOT}/roles/postgresql/index.ts'
import timezone from '${ROOT}/roles/timezone/index.ts'
export default playbook('families', [
  play('Time zone', { hosts: 'all', roles: [timezone] }),
  together(
    play('DNS and time', { hosts: 'infra', roles: [corednsChrony] }),
    play('Firewall', { hosts: 'firewalled', roles: [firewall] }),
  ),
  play('Database', { hosts: 'databases', roles: [postgresql] }),
  play('Load balancer', { hosts: 'balancers', roles: [balancers] }),
])
`
/** What somebody does by hand, and the tasks that notice it. */
const DRIFT = [
  {
    host: 'debian',
    role: 'coredns-chrony',
    by: 'echo "# by hand" >>/etc/coredns/Corefile; systemctl stop chrony; chmod 600 /etc/chrony/chrony.conf',
    mended: ['file /etc/chrony/chrony.conf', 'file /etc/coredns/Corefile', 'service chrony'],
  },
  {
    host: 'debian',
    role: 'postgresql',
    by: 'echo "work_mem = 1MB" >>/etc/postgresql/15/main/conf.d/fmc.conf',
    mended: ['file /etc/postgresql/15/main/conf.d/fmc.conf'],
  },
  {
    host: 'trixie',
    role: 'coredns-chrony',
    by: 'systemctl stop chrony; echo "# by hand" >>/etc/chrony/chrony.conf',
    mended: ['file /etc/chrony/chrony.conf', 'service chrony'],
  },
  {
    host: 'trixie',
    role: 'postgresql',
    by: 'echo "work_mem = 1MB" >>/etc/postgresql/17/main/conf.d/fmc.conf',
    mended: ['file /etc/postgresql/17/main/conf.d/fmc.conf'],
  },
  {
    host: 'trixie',
    role: 'firewall',
    by: 'nft delete table inet fmc',
    mended: ['table inet fmc'],
  },
  {
    host: 'flatcar',
    role: 'timezone',
    by: 'ln -snf /usr/share/zoneinfo/UTC /etc/localtime',
    mended: ['timezone Europe/Madrid'],
  },
  {
    host: 'flatcar',
    role: 'firewall',
    by: 'nft delete table inet fmc',
    mended: ['table inet fmc'],
  },
]

void t.test('roles on other families', { timeout: 900_000 }, async t => {
  const dir = t.testdir({ 'families.ts': PLAYBOOK })
  const inventory = join(dir, 'inventory.yaml')
  writeFileSync(inventory, INVENTORY)
  const r = await rig(t, 'families', { inventory })
  const play = ['play', join(dir, 'families.ts')] as const
  const of = ({ changed }: FmcRun, host: string, role: string): readonly string[] =>
    changed.flatMap(c => (c.startsWith(`${host} ${role}/`) ? [c.replace(/^[^/]*\//, '')] : []))

  await t.test('new hosts: as predicted, then nothing to do', async t => {
    for (const host of ['debian', 'flatcar'])
      t.equal(
        await r.text(host, 'command -v python3 || echo none'),
        'none',
        `${host} has no Python`,
      )
    const done = await proveRole(t, r, ...play)
    for (const { host, role } of DRIFT)
      t.ok(of(done, host, role).length > 0, `${role} did something on ${host}`)
    for (const host of ['debian', 'flatcar', 'trixie'])
      t.match(await r.text(host, 'date +%Z'), /^CES?T$/, `${host} has the inventory's time zone`)
    const dig = await r.inLan('dig', '+short', '@192.168.0.10', 'flatcar.family.internal')
    t.equal(dig.stdout, '192.168.0.11\n')
    const [version, packages] = [
      'cat /etc/debian_version',
      "dpkg-query -f '${Version}\\n' -W postgresql-17 chrony nftables",
    ]
    t.match(await r.text('trixie', version), /^13\./, 'Debian 13 has really booted')
    t.match(await r.text('trixie', packages), /^17\./m, 'and runs its own packages')
    t.notOk(
      r.state.standIns.some(s => /stands in for other versions/.test(s)),
      'nothing stands in',
    )
  })

  await t.test('manual changes are undone as predicted, and nothing else changes', async t => {
    for (const { host, by } of DRIFT) await r.text(host, by)
    const done = await proveRole(t, r, ...play)
    for (const { host, role, mended } of DRIFT)
      t.strictSame(
        of(done, host, role).filter(name => !name.startsWith('handler ')),
        mended,
        `${role} on ${host}`,
      )
  })
})
