// Roles on hosts that are not blank (fmc lab dirt): refused in the dry run with the reason, or applied as predicted.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { proveRole, rig } from '../rig/lab.ts'

/** What every role has to live with. */
const EVERYWHERE =
  'environment, rc-files, login-shell, max-sessions, no-sftp, noexec-tmp, dead-repository, second-nic, dpkg-lock, immutable-file'
/** What a role must not overwrite: the host's dirt, and what the dry run says. */
const REFUSED = [
  ['flat', 'other-node-name', /already the node ip-192-0-2-1 .*client-kubelet\.crt/],
  ['deb', 'port-53', /systemd \(pid 1\) listens on port 53 of 0\.0\.0\.0, which CoreDNS needs/],
  ['el', 'old-postgresql', /pgsql\/13\/data\/PG_VERSION says PostgreSQL 13/],
  [
    'edge',
    'sysctl-conf',
    /after a reboot net\.ipv4\.ip_nonlocal_bind would be 0.*sysctl\.conf:\d+/,
  ],
] as const

const inventory = (
  dirt: readonly (readonly [host: string, dirt: string, ...unknown[]])[],
  k3s: string,
): string => `
timezone: Europe/Madrid
domain: dirty.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
vips:
  front: { address: 192.168.0.9, network: lan, vrid: 9, ports: [8443], backends: databases, balancers: loadbalancers }
lab:
  dirt:
    all: [${EVERYWHERE}]
    storage: [foreign-exports]
${dirt.map(([host, name]) => `    ${host}: [${name}]\n`).join('')}
groups:
  infra: { hosts: [deb] }
  storage:
    hosts: [flat]
    vars:
      nfs_device: /dev/disk/by-id/virtio-data
      nfs_exports: [{ path: /srv/nfs/shared, clients: [lan], mode: '1777' }]
  databases:
    hosts: [el]
    vars:
      postgresql_roles: [{ name: app, password: !secret postgresql_app }]
      postgresql_databases: [{ name: app, owner: app }]
      postgresql_hba: [{ database: app, user: app, address: lan }]
  loadbalancers: { hosts: [edge] }
${k3s}hosts:
  flat: { os: flatcar, disks: [{ name: data, size: 1GB, device: /dev/disk/by-id/virtio-data }], nics: [{ network: lan, address: 192.168.0.10 }] }
  deb: { os: debian 12, memory: 1GB, nics: [{ network: lan, address: 192.168.0.11 }] }
  el: { os: almalinux 9.5, memory: 1GB, nics: [{ network: lan, address: 192.168.0.12 }] }
  edge: { os: debian 12, memory: 1GB, nics: [{ network: lan, address: 192.168.0.13 }] }
`
const K3S = `  k3s_servers:
    hosts: [flat]
    vars: { k3s_token: !secret k3s_token, k3s_agent_token: !secret k3s_agent_token, k3s_version: v1.36.3+k3s1 }
`

void t.test('roles on dirty hosts', { timeout: 900_000 }, async t => {
  const file = join(t.testdir({}), 'inventory.yaml')
  writeFileSync(file, inventory(REFUSED, K3S))
  const r = await rig(t, 'dirt', { inventory: file })

  await t.test('what a role would break is refused in the dry run, with the reason', async t => {
    const ran = await r.fmc('play', 'site', '--dry-run')
    t.equal(ran.code, 2)
    for (const [host, name, reason] of REFUSED)
      t.ok(
        ran.failures.some(failure => failure.startsWith(host) && reason.test(failure)),
        `${name} on ${host}: ${ran.failures.join('\n')}`,
      )
    t.equal(ran.failures.length, REFUSED.length, 'and nothing else')
  })

  await t.test('all other dirt: applied as predicted, then nothing to do', async t => {
    writeFileSync(file, inventory([], ''))
    await r.powerOn()
    await proveRole(t, r, 'play', 'site')
  })

  await t.test(
    'a full /var is named; once there is room, the next run mends what is left',
    async t => {
      writeFileSync(file, inventory([['deb', 'full-var', undefined]], ''))
      await r.text('deb', 'env DEBIAN_FRONTEND=noninteractive apt-get -qq purge -y chrony')
      const ran = await r.fmc('play', 'site')
      t.equal(ran.code, 2)
      t.match(
        ran.failures.join('\n'),
        /^deb .*chrony.*No space left.*; \/var \(tmpfs on dirt-var\) has \d+ KiB left of \d+ MiB\b/m,
      )
      await r.text('deb', 'rm /var/lib/dirt-ballast')
      await proveRole(t, r, 'play', 'site')
    },
  )
})
