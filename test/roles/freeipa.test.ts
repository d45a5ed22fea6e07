// A FreeIPA server and a client: the lab's stand-in, with MIT's real Kerberos server and BIND's real named.
import { join } from 'node:path'
import t from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import { proveRole, rig, type FmcRun } from '../rig/lab.ts'

const SERVER = 'ipa1'
const CLIENT = 'db1'
const DNS = '192.168.7.2'
const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.7.0/24, mode: bridge, gateway: 192.168.7.1 }
  inner: { cidr: 10.9.0.0/23, mode: bridge, gateway: 10.9.0.1 }
vips:
  web: { address: 192.168.7.9, network: lan, vrid: 51, ports: [80], backends: db1, balancers: db1 }
groups:
  ipa_servers:
    hosts: [ipa1]
    vars:
      freeipa_admin_password: !secret freeipa_admin
      freeipa_directory_password: !secret freeipa_directory
      dns_records:
        - { name: git, type: CNAME, value: web }
        - { name: '@', type: MX, value: 10 db1 }
        - { name: notes, type: TXT, value: 'two words' }
  ipa_clients:
    hosts: [db1]
hosts:
  ipa1: { os: almalinux 9.5, nics: [{ network: lan, address: 192.168.7.2 }] }
  db1: { os: rocky 9.5, nics: [{ network: lan, address: 192.168.7.3 }] }
  away: { os: flatcar, nics: [{ network: lan, address: 192.168.7.4 }, { network: inner, address: 10.9.1.4 }] }
`
const tasks = (run: FmcRun): string[] =>
  run.changed.map(c => c.replace(/ freeipa(-client)?\//, ' '))

void t.test('FreeIPA', { timeout: 300_000 }, async t => {
  const inventory = join(t.testdir({ 'inventory.yaml': INVENTORY }), 'inventory.yaml')
  const r = await rig(t, 'freeipa', { inventory, hosts: [SERVER, CLIENT] })
  const PLAY = ['play', 'site', '--tags', 'freeipa']
  const ipa = (script: string) => r.text(SERVER, script)
  const before = await r.text(CLIENT, 'cat /etc/ssh/sshd_config; ls /etc/ssh/sshd_config.d')

  await t.test('from two bare hosts to a realm; then nothing to do', async t => {
    const done = await proveRole(t, r, ...PLAY)
    const made = tasks(done)
    for (const task of [
      'ipa1 hostname ipa1.cloud.internal',
      'ipa1 FreeIPA server ipa1.cloud.internal',
      'ipa1 zone cloud.internal',
      'ipa1 zone 1.9.10.in-addr.arpa',
      'ipa1 handler log in as admin',
      'ipa1 key for db1.cloud.internal',
      'db1 FreeIPA client db1.cloud.internal',
    ])
      t.ok(made.includes(task), task)
    t.notOk(
      made.some(m => m.includes('forwarders')),
      'the installation has set them',
    )

    await r.text(CLIENT, 'dnf -q -y install bind-utils')
    const asked = (...words: readonly string[]) =>
      r.text(CLIENT, `dig +short @${DNS} ${words.join(' ')}`)
    const names = ['ipa1', 'db1', 'away', 'away.inner', 'web', 'git'].map(
      n => `${n}.cloud.internal`,
    )
    t.equal(
      await asked(...names),
      '192.168.7.2\n192.168.7.3\n192.168.7.4\n10.9.1.4\n192.168.7.9\nweb.cloud.internal.\n192.168.7.9',
    )
    t.equal(
      await asked('-x 192.168.7.4', '-x 10.9.1.4'),
      'away.cloud.internal.\naway.inner.cloud.internal.',
    )
    t.equal(
      await asked('cloud.internal MX', 'notes.cloud.internal TXT'),
      '10 db1.cloud.internal.\n"two words"',
    )
  })

  await t.test('users can log in, and no secret is left anywhere', async t => {
    const admin = labSecret(r.state.dir, 'freeipa_admin')
    const login = await r.on(CLIENT, 'kinit -c MEMORY:x admin', admin)
    t.equal(login.code, 0, login.stderr)
    t.equal((await r.on(CLIENT, 'kinit -c MEMORY:x admin', 'wrong')).code, 1)
    for (const host of [SERVER, CLIENT])
      for (const secret of [admin, labSecret(r.state.dir, 'freeipa_directory')])
        t.equal(
          await r.text(host, `grep -rlF ${secret} /etc /run /var/lib /var/log /root /tmp || true`),
          '',
        )
    t.equal(
      await ipa(
        'ls -A /run/fmc-freeipa; ls -d /run/fmc-freeipa.* /var/lib/fmc/freeipa* 2>/dev/null || true',
      ),
      '',
    )
    t.equal(
      await r.text(CLIENT, 'cat /etc/ssh/sshd_config; ls /etc/ssh/sshd_config.d'),
      before,
      "root's way in is as it was",
    )
  })

  await t.test('drift is shown and undone; what fmc does not declare stays', async t => {
    const cli = 'ipa -n -e in_server=true -e ldap_uri=ldapi://%2Frun%2Fslapd-CLOUD-INTERNAL.socket'
    await ipa(`${cli} dnsrecord-mod cloud.internal. away --a-rec=192.168.7.99
${cli} dnsrecord-add cloud.internal. theirs --a-rec=192.0.2.7
${cli} dnsserver-mod ipa1.cloud.internal --forwarder=192.0.2.53
systemctl stop krb5kdc`)
    const done = await proveRole(t, r, ...PLAY)
    t.strictSame(tasks(done).sort(), [
      "ipa1 FreeIPA's services",
      'ipa1 forwarders of ipa1.cloud.internal',
      'ipa1 zone cloud.internal',
    ])
    t.equal(
      await r.text(CLIENT, `dig +short @${DNS} away.cloud.internal theirs.cloud.internal`),
      '192.168.7.4\n192.0.2.7',
    )
  })

  await t.test('the gates notice what does not answer', async t => {
    for (const [breaks, mends, gate, on] of [
      [
        'pkill -STOP -x named',
        'pkill -CONT -x named',
        `every name of the cloud is answered on ${DNS}`,
        SERVER,
      ],
      [
        'mv /etc/krb5.keytab /etc/k',
        'mv /etc/k /etc/krb5.keytab',
        'Kerberos knows this host',
        CLIENT,
      ],
    ] as const) {
      await r.text(on, breaks)
      const run = await r.fmcInVain(...PLAY, '--limit', on)
      await r.text(on, mends)
      t.equal(run.code, 2)
      t.match(run.failures.join('\n'), gate)
    }
  })

  await t.test(
    'an installation that fmc could not finish is made again; another’s is refused',
    async t => {
      const foreign = 'sed -i s/True/False/ /var/lib/ipa/sysrestore/sysrestore.state'
      await ipa(foreign)
      const refused = await r.fmc('role', 'freeipa', SERVER, '--dry-run')
      t.equal(refused.code, 2)
      t.match(refused.failures.join('\n'), /half of a FreeIPA server/)
      await ipa('touch /var/lib/fmc/freeipa-begun')
      const again = await r.fmc('role', 'freeipa', SERVER)
      t.equal(again.code, 0, again.failures.join('\n'))
      t.ok(tasks(again).includes('ipa1 FreeIPA server ipa1.cloud.internal'))
      t.equal((await r.fmc('role', 'freeipa', SERVER)).changed.length, 0)
    },
  )
})
