// A FreeIPA server and a client: the lab's stand-in, with MIT's real Kerberos server and BIND's real named.
import { join } from 'node:path'
import t from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { proveRole, rig, ROOT, type FmcRun } from '../rig/lab.ts'

const SERVER = 'freeipa'
const CLIENT = 'loadbalancer1'
const DNS = '10.17.3.11'
const tasks = (run: FmcRun): string[] =>
  run.changed.map(c => c.replace(/ freeipa(-client)?\//, ' '))

void t.test('FreeIPA', { timeout: 300_000 }, async t => {
  const inventory = join(ROOT, 'test/inventories/architecture-4.yaml')
  const r = await rig(t, 'freeipa', { inventory, hosts: [SERVER, CLIENT] })
  const PLAY = ['play', 'site', '--tags', 'freeipa']
  const ipa = (script: string) => r.text(SERVER, script)
  const before = await r.text(CLIENT, 'cat /etc/ssh/sshd_config; ls /etc/ssh/sshd_config.d')

  await t.test('from two bare hosts to a realm; then nothing to do', async t => {
    const done = await proveRole(t, r, ...PLAY)
    const made = tasks(done)
    for (const task of [
      'freeipa hostname freeipa.cloud.internal',
      'freeipa FreeIPA server freeipa.cloud.internal',
      'freeipa zone cloud.internal',
      'freeipa zone 4.17.10.in-addr.arpa',
      'freeipa handler log in as admin',
      'freeipa key for loadbalancer1.cloud.internal',
      'loadbalancer1 enrol in CLOUD.INTERNAL',
    ])
      t.ok(made.includes(task), task)
    t.notOk(
      made.some(m => m.includes('forwarders')),
      'the installation has set them',
    )

    const { hosts, vips, domain } = await loadInventory(inventory)
    const names = [...hosts.values(), ...vips.values()].map(x => `${x.name}.${domain}`)
    const inner = [...hosts.values()].filter(h => h.vmOn !== undefined)
    const answers = await r.text(CLIENT, `dig +short @${DNS} ${names.join(' ')}`)
    t.equal(answers.split('\n').length, names.length)
    t.equal(
      await r.text(CLIENT, `dig +short @${DNS} ${inner.map(h => `-x ${h.address}`).join(' ')}`),
      inner.map(h => `${h.name}.${domain}.`).join('\n'),
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
    await ipa(`${cli} dnsrecord-mod cloud.internal. master1 --a-rec=10.17.4.99
${cli} dnsrecord-add cloud.internal. theirs --a-rec=192.0.2.7
${cli} dnsserver-mod freeipa.cloud.internal --forwarder=192.0.2.53
systemctl stop krb5kdc`)
    const done = await proveRole(t, r, ...PLAY)
    t.strictSame(tasks(done).sort(), [
      "freeipa FreeIPA's services",
      'freeipa forwarders of freeipa.cloud.internal',
      'freeipa zone cloud.internal',
    ])
    t.equal(
      await r.text(CLIENT, `dig +short @${DNS} master1.cloud.internal theirs.cloud.internal`),
      '10.17.4.21\n192.0.2.7',
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
      t.ok(tasks(again).includes('freeipa FreeIPA server freeipa.cloud.internal'))
      t.equal((await r.fmc('role', 'freeipa', SERVER)).changed.length, 0)
    },
  )
})
