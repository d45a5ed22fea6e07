import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { judgeNtp } from '../../roles/shared/dns/gates.ts'
import { proveRole, rig } from '../rig/lab.ts'

const ROLE = ['role', 'coredns-chrony', 'infra-cluster']
const DNS = '10.17.3.11'
const FORWARD = '/etc/coredns/zones/db.cloud.internal'
const REVERSE = '/etc/coredns/zones/db.3.17.10.in-addr.arpa'

void t.test('coredns-chrony on a host of the lab', { timeout: 900_000 }, async t => {
  const r = await rig(t, 'coredns', {
    hosts: ['hypervisor', 'loadbalancer1', 'infra-cluster', 'postgresql1', 'worker1'],
  })
  const infra = (script: string) => r.text('infra-cluster', script)
  const dig = (host: string, ...words: readonly string[]) =>
    r.text(host, `dig +time=5 +tries=6 @${DNS} ${words.join(' ')}`)
  const soa = async (zone: string) =>
    (await infra(`dig +short @${DNS} ${zone} SOA`)).split(' ')[2] ?? ''
  const pid = () => infra('systemctl show -P MainPID coredns')
  const changes = (run: { readonly changed: readonly string[] }) =>
    run.changed.map(c => c.replace('infra-cluster coredns-chrony/', ''))

  await t.test('a new host, then nothing to do', async t => {
    const done = await proveRole(t, r, ...ROLE)
    t.equal(done.changed.length, 18)
  })

  await t.test('a port that somebody else has: who it is; another port is a variable', async t => {
    const other = await r.fmc(...ROLE, '-e', 'dns_health_port=22')
    t.equal(other.code, 2)
    t.strictSame(other.changed, [])
    t.match(
      other.failures.join('\n'),
      /sshd \(pid \d+\) listens on port 22 of 0\.0\.0\.0, which CoreDNS needs/,
    )
    const moved = await proveRole(t, r, ...ROLE, '-e', 'dns_health_port=9080')
    t.strictSame(changes(moved), ['file /etc/coredns/Corefile', 'handler reload coredns'])
    t.equal(await infra('curl -fsS http://127.0.0.1:9080/health'), 'OK')
    t.equal((await r.fmc(...ROLE)).changed.length, 2, 'and back')
  })

  await t.test('other networks resolve every host and VIP, forward and reverse', async t => {
    const { hosts, vips, domain } = await loadInventory(r.inventory)
    const names = [...hosts.values(), ...vips.values()].map(
      x => [`${x.name}.${domain}`, x.address] as const,
    )
    t.equal(names.length, 14)
    for (const from of ['postgresql1', 'loadbalancer1']) {
      await r.text(from, 'dnf -q -y install bind-utils')
      t.strictSame(
        (await dig(from, '+short', ...names.map(n => n[0]))).split('\n'),
        names.map(n => n[1]),
        `names, asked by ${from}`,
      )
      t.strictSame(
        (await dig(from, '+short', ...names.flatMap(n => ['-x', n[1]]))).split('\n'),
        names.map(n => `${n[0]}.`),
        `pointers, asked by ${from}`,
      )
    }
    t.match(
      await dig('postgresql1', 'nobody.cloud.internal'),
      /status: NXDOMAIN[\s\S]*flags: qr aa/,
    )
    t.equal(await dig('postgresql1', '+short +tcp', 'web.cloud.internal'), '192.168.0.33')
  })

  await t.test("clients outside the inventory's networks are refused", async t => {
    await infra('ip address add 172.31.9.9/32 dev lo')
    t.match(await dig('infra-cluster', '-b 172.31.9.9 api.cloud.internal'), 'status: REFUSED')
    t.match(await dig('infra-cluster', '-b 172.31.9.9 example.org'), 'status: REFUSED')
    await infra('ip address del 172.31.9.9/32 dev lo')
  })

  await t.test('NTP serves the internal networks and no others', async t => {
    const ask = (host: string, server: string) =>
      r.text(
        host,
        `bash -c "exec 3<>/dev/udp/${server}/123; { printf '\\043'; head -c 47 /dev/zero; } | dd bs=48 count=1 iflag=fullblock status=none >&3; timeout 10 head -c 48 <&3 | od -An -tu1 -N2"`,
      )
    for (const host of ['worker1', 'loadbalancer1'])
      t.equal(judgeNtp(await ask(host, DNS)), true, host)
    await infra('ip address add 172.31.9.9/32 dev lo')
    t.equal(judgeNtp(await ask('infra-cluster', '172.31.9.9')), 'no answer over NTP')
    await infra('ip address del 172.31.9.9/32 dev lo')
  })

  await t.test('a manual change is shown and undone, with a higher serial', async t => {
    await infra(`sed -i 's/^master1 .*/master1 IN A 10.17.4.99/' ${FORWARD}`)
    const planned = await r.fmc(...ROLE, '--dry-run', '--diff', '--exit-code')
    t.equal(planned.code, 3)
    t.strictSame(changes(planned), [`file ${FORWARD}`, 'handler reload coredns'])
    const diff = planned.tasks.find(e => e.task === `file ${FORWARD}`)?.changes[0]?.diff ?? ''
    t.match(diff, '-master1 IN A 10.17.4.99\n+master1 IN A 10.17.4.21')
    t.match(diff, '-  1 ; serial\n+  2 ; serial')
    const before = await pid()
    const done = await proveRole(t, r, ...ROLE)
    t.equal(done.changed.length, 2)
    t.equal(await soa('cloud.internal'), '2')
    t.equal(await soa('3.17.10.in-addr.arpa'), '1', 'other zones keep theirs')
    t.equal(await pid(), before, 'reloaded and not restarted')
  })

  await t.test('a new record raises one serial, and a lost file lowers none', async t => {
    const extra = ['-e', '{"dns_records": [{"name": "git", "type": "CNAME", "value": "web"}]}']
    const done = await proveRole(t, r, ...ROLE, ...extra)
    t.strictSame(changes(done), [`file ${FORWARD}`, 'handler reload coredns'])
    t.equal(await soa('cloud.internal'), '3')
    t.equal(
      await dig('postgresql1', '+short git.cloud.internal'),
      'web.cloud.internal.\n192.168.0.33',
    )
    await infra(`rm ${FORWARD}`)
    await proveRole(t, r, ...ROLE)
    t.equal(await soa('cloud.internal'), '4', 'what was served counts')
  })

  await t.test('files that CoreDNS refuses never reach the running server', async t => {
    const state = () =>
      infra(
        `cat ${FORWARD} /etc/coredns/Corefile; ls -R /etc/coredns; systemctl show -P MainPID coredns`,
      )
    const before = await state()
    for (const [vars, message] of [
      ['{"dns_records": [{"name": "@", "type": "MX", "value": "ten mail"}]}', /bad MX/i],
      ['{"dns_corefile_extra": "example.org {\\n    nonsense\\n}\\n"}', /nonsense/],
    ] as const) {
      const run = await r.fmc(...ROLE, '-e', vars)
      t.equal(run.code, 2)
      t.match(run.failures.join('\n'), message)
    }
    t.equal(await state(), before)
    t.equal(await infra('pgrep -c -x coredns; ls -d /run/fmc-coredns.* 2>/dev/null || true'), '1')
    t.equal(await soa('cloud.internal'), '4')
    const bad = await r.fmc(...ROLE, '-e', '{"ntp_clients": ["10.0.0.0/99"]}')
    t.equal(bad.code, 1, 'a variable of the wrong kind is a usage error')
  })

  await t.test('the gates fail when no server answers', async t => {
    for (const [process, gate] of [
      ['coredns', 'the names of the cloud are answered'],
      ['chronyd', 'the time is served'],
    ] as const) {
      await infra(`pkill -STOP -x ${process}`)
      const planned = await r.fmc(...ROLE, '--dry-run')
      t.equal(planned.changed.length, 0)
      const run = await r.fmcInVain(...ROLE)
      await infra(`pkill -CONT -x ${process}`)
      t.equal(run.code, 2)
      t.match(run.failures.join('\n'), gate)
    }
    t.equal((await r.fmc(...ROLE)).code, 0)
  })

  await t.test('the role repairs a server that lost its zones', async t => {
    await infra(`systemctl stop coredns; sed -i 's/^11 .*/bogus line/' ${REVERSE}`)
    await proveRole(t, r, ...ROLE)
    t.equal(await dig('postgresql1', `+short -x ${DNS}`), 'infra-cluster.cloud.internal.')
  })
})
