import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cut, heal } from '../../lib/lab/index.ts'
import { API, holders, inside, ROLE, WEB } from '../rig/balancers.ts'
import { proveRole, rig, ROOT, type Rig } from '../rig/lab.ts'
import { apiServer, certificate, serve, webServer } from '../rig/serve.ts'
import { until } from '../rig/until.ts'

const CFG = '/etc/haproxy/haproxy.cfg'

const status = async (r: Rig, url: string, ...how: string[]): Promise<string> =>
  (await r.inLan('curl', '-sk', '-m', '1', '-o', '/dev/null', '-w', '%{http_code}', ...how, url))
    .stdout

/** Names of the servers of a backend that haproxy takes for alive. */
async function alive(r: Rig, balancer: string, proxy: string): Promise<string[]> {
  const csv = await r.text(balancer, "curl -fsS 'http://127.0.0.1:8404/stats;csv'")
  const rows = csv.split('\n').map(l => l.split(','))
  const state = rows[0]?.indexOf('status') ?? -1
  return rows
    .filter(c => c[0] === proxy && c[1] !== 'BACKEND' && c[1] !== 'FRONTEND' && c[state] === 'UP')
    .map(c => c[1] ?? '')
}

t.test('two balancers of the cloud', async t => {
  const r = await rig(t, 'test-lb')
  const fmc = (...args: string[]) => r.fmc('role', ROLE, ...args)

  await t.test('from nothing, without a single backend', async t => {
    const done = await proveRole(t, r, 'role', ROLE, 'loadbalancers')
    t.ok(
      done.tasks.some(e => e.task.startsWith('invariant one holder of each VIP after')),
      'the invariant was asked',
    )
    for (const vip of [API, WEB])
      t.strictSame(await holders(r, vip), ['loadbalancer1'], `the preferred balancer holds ${vip}`)
    for (const lb of ['loadbalancer1', 'loadbalancer2']) {
      t.equal(
        await r.text(lb, 'curl -fsS -o /dev/null -w %{http_code} http://127.0.0.1:8404/healthz'),
        '200',
      )
      t.notMatch(
        await r.text(
          lb,
          "ss -Hltn sport = :8404 | tr -s ' ' | cut -d' ' -f4 | grep -v '^127.0.0.1:8404$' || true",
        ),
        /./,
        'health listens on loopback only',
      )
      t.equal(
        await r.text(
          lb,
          'stat -c "%a %U:%G" /usr/libexec/keepalived /usr/libexec/keepalived/chk_haproxy',
        ),
        '755 root:root\n755 root:root',
      )
      t.equal(
        await r.text(
          lb,
          'getsebool haproxy_connect_any; firewall-cmd --permanent --list-protocols; awk "/chk_haproxy/ { print \\$2 }" /var/lib/fmc-lab/selinux/contexts',
        ),
        'haproxy_connect_any --> on\nvrrp\nkeepalived_unconfined_script_exec_t',
      )
      t.notMatch(
        await r.text(lb, 'journalctl -q -u keepalived -o cat'),
        /insecure|SECURITY|unsafe/i,
        'keepalived trusts the script',
      )
    }
    for (const port of [6443, 80, 443])
      t.match(
        (await r.inLan('curl', '-sv', '-m', '2', `telnet://${port === 6443 ? API : WEB}:${port}`))
          .stderr,
        /Connected to/,
        `port ${port} is open`,
      )
  })

  const certs = await certificate(t)
  await serve(t, r, 'master1', apiServer(certs, 'master1', 401))
  const second = await serve(t, r, 'master2', apiServer(certs, 'master2', 200))
  const notReady = await serve(t, r, 'master3', apiServer(certs, 'master3', 503))
  await serve(t, r, 'worker1', webServer('worker1'))

  await t.test('each VIP answers from outside the balancers', async t => {
    await until(
      async () => (await alive(r, 'loadbalancer1', 'api_6443')).length === 2,
      30,
      'two API servers are found alive',
    )
    t.strictSame(
      await alive(r, 'loadbalancer1', 'api_6443'),
      ['master1', 'master2'],
      '401 and 200 are alive, 503 is not',
    )
    await until(
      async () => (await alive(r, 'loadbalancer1', 'web_80')).length === 1,
      30,
      'the web server is found alive',
    )
    const bodies = new Set<string>()
    for (let i = 0; i < 6; i++)
      bodies.add((await r.inLan('curl', '-sk', '-m', '10', `https://${API}:6443/`)).stdout)
    t.strictSame([...bodies].sort(), ['master1', 'master2'], 'the LAN reaches both API servers')
    const web = (await r.inLan('curl', '-s', '-m', '10', `http://${WEB}/`)).stdout
    t.match(web, /^worker1 192\.168\.0\./, 'the LAN reaches the web')
    t.notMatch(web, /\.3[01]$/, 'which learns the client’s address, not the balancer’s')
    t.equal(
      await r
        .text('storage1', `curl -sk -m 10 https://${API}:6443/`)
        .then(b => b.startsWith('master')),
      true,
      'another network does, too',
    )
    await second.stop()
    await until(
      async () => (await alive(r, 'loadbalancer1', 'api_6443')).length === 1,
      30,
      'a dead API server is taken out',
    )
    t.equal((await r.inLan('curl', '-sk', '-m', '10', `https://${API}:6443/`)).stdout, 'master1')
  })

  await t.test('the holder is cut off', async t => {
    // The other balancer has the same view of the backends.
    await until(
      async () => (await alive(r, 'loadbalancer2', 'api_6443')).join() === 'master1',
      30,
      'loadbalancer2 sees the API server',
    )
    await until(
      async () => (await alive(r, 'loadbalancer2', 'web_80')).join() === 'worker1',
      30,
      'loadbalancer2 sees the web server',
    )
    t.equal(await status(r, `https://${API}:6443/readyz`, '-m', '10'), '401')
    const start = performance.now()
    await cut(r.state, 'loadbalancer1')
    t.teardown(() => heal(r.state, 'loadbalancer1'))
    const quick = ['--connect-timeout', '0.2']
    await until(
      async () => (await status(r, `https://${API}:6443/readyz`, ...quick)) === '401',
      10,
      'the API answers again',
    )
    const api = performance.now() - start
    await until(
      async () => (await status(r, `http://${WEB}/`, ...quick)) === '200',
      10,
      'the web answers again',
    )
    const web = performance.now() - start
    t.comment(`answered again after ${Math.round(api)} ms (API) and ${Math.round(web)} ms (web)`)
    t.ok(
      api < 4000 && web < 4000,
      `both answer again within 4 s: ${Math.round(api)}, ${Math.round(web)} ms`,
    )
    t.strictSame(await holders(r, API, ['loadbalancer2']), ['loadbalancer2'])

    const refused = await fmc('loadbalancer2', '-e', 'haproxy_maxconn=3000')
    t.equal(refused.code, 2, 'the holder is not touched while its peer cannot be reached')
    t.match(
      refused.failures.join('\n'),
      /loadbalancer2 holds api .*no other balancer could take it: loadbalancer1: .*Repair loadbalancer1 first/,
    )
    t.strictSame(refused.changed, [])

    await heal(r.state, 'loadbalancer1')
    await until(
      async () => (await r.on('loadbalancer1', 'true')).code === 0,
      30,
      'loadbalancer1 is back',
    )
    for (const vip of [API, WEB]) {
      await until(async () => (await holders(r, vip)).length === 1, 30, `one holder of ${vip}`)
      t.strictSame(await holders(r, vip), ['loadbalancer2'], 'who came back takes nothing away')
    }
  })

  await t.test('changes made by hand are shown, predicted and undone', async t => {
    await r.text('loadbalancer1', `sed -i 's/maxconn 4000/maxconn 12/' ${CFG}`)
    const shown = await fmc('loadbalancer1', '--dry-run', '--diff', '--exit-code')
    t.equal(shown.code, 3)
    const diff = shown.tasks
      .find(e => e.task === `file ${CFG}`)
      ?.changes.map(c => c.diff ?? '')
      .join('\n')
    t.match(diff, /^-\s+maxconn 12$/m)
    t.match(diff, /^\+\s+maxconn 4000$/m)
    t.equal(
      shown.tasks.filter(e => e.status === 'changed').length,
      2,
      'the file and its handler, nothing else',
    )

    await r.text(
      'loadbalancer1',
      'sysctl -qw net.ipv4.ip_nonlocal_bind=0; chmod 0777 /usr/libexec/keepalived/chk_haproxy; systemctl -q disable keepalived; setsebool -P haproxy_connect_any off; firewall-cmd -q --permanent --remove-port=80/tcp',
    )
    await r.text(
      'loadbalancer2',
      "sed -i 's/priority 100/priority 99/' /etc/keepalived/keepalived.conf; rm /etc/sysctl.d/90-fmc-net.ipv4.ip_nonlocal_bind.conf",
    )
    const done = await proveRole(t, r, 'role', ROLE, 'loadbalancers')
    t.equal(done.changed.length, 11, done.changed.join(', '))
    t.equal(await r.text('loadbalancer1', 'cat /proc/sys/net/ipv4/ip_nonlocal_bind'), '1')
  })

  await t.test('backups first, the holder last, and no client notices', async t => {
    t.strictSame(await holders(r, API), ['loadbalancer2'])
    // A new haproxy takes every backend for alive until its first check (README), so all are.
    await notReady.stop()
    await serve(t, r, 'master2', apiServer(certs, 'master2', 401))
    await serve(t, r, 'master3', apiServer(certs, 'master3', 401))
    for (const lb of ['loadbalancer1', 'loadbalancer2'])
      await until(
        async () => (await alive(r, lb, 'api_6443')).length === 3,
        30,
        `${lb} finds all API servers alive`,
      )
    let asked = 0
    const wrong: string[] = []
    const over = new AbortController()
    const watch = (async () => {
      while (!over.signal.aborted) {
        const code = await status(r, `https://${API}:6443/readyz`, '-m', '2')
        asked++
        if (code !== '401') wrong.push(code)
      }
    })()
    const done = await fmc(
      'loadbalancers',
      '-e',
      'haproxy_maxconn=3000',
      '-e',
      'keepalived_advert_seconds=0.6',
    )
    over.abort()
    await watch
    t.equal(done.code, 0, done.failures.join('\n'))
    const order = [...new Set(done.tasks.filter(e => e.status === 'changed').map(e => e.host))]
    t.strictSame(order, ['loadbalancer1', 'loadbalancer2'], 'the holder came last')
    t.ok(asked > 10, `the API was asked ${asked} times meanwhile`)
    t.strictSame(wrong, [], 'and always answered')
    t.strictSame(await holders(r, API), ['loadbalancer2'], 'the VIP stayed where it was')
    t.equal((await fmc('loadbalancers')).code, 0)
  })

  await t.test('haproxy stopped by hand', async t => {
    await r.text('loadbalancer2', 'systemctl stop haproxy')
    const took = await until(
      async () => (await holders(r, API)).join() === 'loadbalancer1',
      10,
      'the VIP moves',
    )
    t.comment(`the VIP moved after ${Math.round(took)} ms`)
    // Its new holder has the address before the LAN has heard of it.
    await until(
      async () => (await status(r, `https://${API}:6443/readyz`)) === '401',
      10,
      'the API answers there',
    )
    await until(
      async () => (await holders(r, WEB)).join() === 'loadbalancer1',
      10,
      'the other VIP moves, too',
    )
    const planned = await fmc('loadbalancers', '--dry-run')
    t.match(
      planned.tasks.find(e => e.host === 'loadbalancer2' && e.task === 'service haproxy'),
      { status: 'changed', changes: [{ what: 'start' }] },
    )
    await proveRole(t, r, 'role', ROLE, 'loadbalancers')
    t.strictSame(await holders(r, API), ['loadbalancer1'])
  })

  await t.test(
    'the holder of a VIP is not touched while no other balancer could take over',
    async t => {
      await r.text('loadbalancer2', 'systemctl stop keepalived')
      const refused = await fmc('loadbalancer1', '-e', 'haproxy_maxconn=3000')
      t.equal(refused.code, 2)
      t.match(refused.failures.join('\n'), /loadbalancer2: keepalived does not run/)
      t.strictSame(refused.changed, [])
      const repaired = await fmc('loadbalancers')
      t.equal(repaired.code, 0, repaired.failures.join('\n'))
      t.strictSame(repaired.changed, [`loadbalancer2 ${ROLE}/service keepalived`])
    },
  )

  await t.test('two holders stop the play: a person must look', async t => {
    await r.text('loadbalancer2', `ip addr add ${WEB}/24 dev eth0`)
    const refused = await fmc('loadbalancer2', '-e', 'haproxy_maxconn=3000')
    await r.text('loadbalancer2', `ip addr del ${WEB}/24 dev eth0`)
    t.equal(refused.code, 2)
    t.match(
      refused.failures.join('\n'),
      /loadbalancer1 and loadbalancer2 both hold web .*systemctl stop keepalived/,
    )
    t.strictSame(refused.changed, [])
  })

  await t.test('a wrong configuration is refused, and the running one stays', async t => {
    const look = () =>
      r.text(
        'loadbalancer2',
        `sha256sum ${CFG} /etc/keepalived/keepalived.conf; systemctl show -p MainPID -p ActiveState haproxy keepalived; ls /etc/haproxy /etc/keepalived /var/lib/fmc/pending/*`,
      )
    const before = await look()
    const haproxy = await fmc('loadbalancer2', '-e', 'haproxy_connect_timeout=999999999h')
    t.equal(haproxy.code, 2)
    t.match(haproxy.failures.join('\n'), /validation failed[^]*timer overflow/)
    t.equal(await look(), before, 'haproxy goes on as it was')

    // The interface is found on the host by its address, whatever the inventory calls it.
    const changed = (nic: string) =>
      join(
        t.testdir({
          'inventory.yaml': readFileSync(join(ROOT, 'inventory.yaml'), 'utf8').replace(
            'nics: [{ network: lan, address: 192.168.0.31 }]',
            nic,
          ),
        }),
        'inventory.yaml',
      )
    const named = changed('nics: [{ network: lan, address: 192.168.0.31, device: eth9 }]')
    const same = await inside(r, named, 'role', ROLE, 'loadbalancer2', '--dry-run', '--exit-code')
    t.equal(same.code, 0, same.text)
    const moved = changed(
      'nics: [{ network: lan, address: 192.168.0.131 }]\n    ssh: { host: 192.168.0.31 }',
    )
    const keepalived = await inside(r, moved, 'role', ROLE, 'loadbalancer2', '--dry-run')
    t.equal(keepalived.code, 2)
    t.match(
      keepalived.text,
      /no interface of loadbalancer2 has the address 192\.168\.0\.131: there are \S+ \(192\.168\.0\.31\/24\)/,
    )
    t.equal(await look(), before, 'keepalived goes on as it was')
  })

  await t.test('the gate fails when haproxy does not run the written configuration', async t => {
    // haproxy -c does not bind. Two other processes have the ports; one of them is called haproxy. With SO_REUSEPORT,
    // which haproxy sets unless it is told not to, both could have one.
    const other = (name: string, port: number) => `cp /usr/sbin/haproxy /run/${name}
printf '%s\\n' global ' noreuseport' defaults ' mode http' ' timeout client 5s' ' timeout connect 5s' ' timeout server 5s' 'frontend x' ' bind 127.0.0.1:${port}' ' http-request return status 404' >/run/${name}.cfg
/run/${name} -D -p /run/other-${name}.pid -f /run/${name}.cfg`
    await r.text('loadbalancer2', `${other('haproxy', 9404)}\n${other('app', 9405)}`)
    t.teardown(() => r.on('loadbalancer2', 'kill $(cat /run/other-haproxy.pid /run/other-app.pid)'))
    const taken = await r.fmc('role', ROLE, 'loadbalancer2', '-e', 'haproxy_health_port=9405')
    t.equal(taken.code, 2)
    t.strictSame(taken.changed, [])
    t.match(
      taken.failures.join('\n'),
      /app \(pid \d+\) listens on port 9405 of 127\.0\.0\.1, which haproxy needs/,
    )
    const port = ['-e', 'haproxy_health_port=9404']
    const failed = await r.fmcInVain('role', ROLE, 'loadbalancer2', ...port)
    t.equal(failed.code, 2)
    t.match(failed.failures.join('\n'), /haproxy runs this configuration/)
    t.equal(
      await status(r, `https://${API}:6443/readyz`, '-m', '10'),
      '401',
      'the API still answers',
    )
    const repaired = await fmc('loadbalancers')
    t.equal(repaired.code, 0, repaired.failures.join('\n'))
    t.strictSame((await fmc('loadbalancers')).changed, [])
  })
})
