// What docs and README promise of `npx fmc play site --lab`, on the whole twin: issue-level acceptance.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { API, WEB } from './rig/balancers.ts'
import { Canaries, watchProcesses } from './rig/canaries.ts'
import { HOUSE, internet, SOMEBODY } from './rig/internet.ts'
import { cacheDir } from '../lib/cache-dir.ts'
import { reportPage } from '../lib/record/html/page.ts'
import { labRunsDir, recordedRuns } from '../lib/record/index.ts'
import { proveRole, rig, ROOT, run, type FmcRun, type Rig } from './rig/lab.ts'
import { NEEDS_PODS } from './rig/real-k3s.ts'

/** What a running system writes by itself: logs, its own run-time state (of RPM's database: sqlite.org/wal.html), ssh's and the package cache's time stamps. */
const NOISE =
  /^\/(var\/log|var\/lib\/systemd|var\/lib\/chrony|var\/lib\/dbus|var\/lib\/pgsql|var\/lib\/rpm\/rpmdb\.sqlite-(shm|wal)|var\/cache|run|tmp|root\/\.ssh)(\/|$)/

/** Nothing that is older holds a secret of this lab. */
const BEGAN = new Date()

/** Every file that a host has changed against its image, with a digest of its content. */
function disk(r: Rig, host: string): Record<string, string> {
  const upper = join(r.state.dir, 'hosts', host, 'upper')
  const found: Record<string, string> = {}
  const walk = (dir: string): void => {
    for (const entry of readdirSync(join(upper, dir), { withFileTypes: true })) {
      const path = `${dir}/${entry.name}`
      if (NOISE.test(path)) continue
      if (entry.isDirectory()) walk(path)
      else if (entry.isSymbolicLink()) found[path] = readlinkSync(join(upper, path))
      else if (entry.isFile())
        found[path] = createHash('sha256')
          .update(readFileSync(join(upper, path)))
          .digest('hex')
    }
  }
  walk('')
  return found
}

/** The files of a host that hold a secret, and whether somebody besides their owner may read them. */
const secretFiles = (
  r: Rig,
  canaries: Canaries,
  host: string,
): { path: string; what: string; open: boolean }[] => {
  const upper = join(r.state.dir, 'hosts', host, 'upper')
  return canaries.below(upper).map(line => {
    const path = line.slice(upper.length, line.lastIndexOf(': '))
    const mode = lstatSync(join(upper, path)).mode & 0o777
    const what = `${host}:${line.slice(upper.length)} ${mode.toString(8)}`
    return { path, what, open: (mode & 0o077) !== 0 }
  })
}

const BIN = join(ROOT, 'lib/bin.js')

/**
 * Every task of the VMs as it is told. In the lab modules are said to be there that a new host has yet to load, and its
 * AlmaLinux has firewalld, as an installed one; the cloud image has none.
 */
const told = ({ tasks }: FmcRun, without: readonly string[]): string[] =>
  tasks
    .filter(e => !without.includes(e.host) && !/^(kernel module|firewalld lets in) /.test(e.task))
    .map(({ host, role, task, status, changes, note, estimate }) =>
      JSON.stringify([
        ...[host, role, task.replace(/^(local file ).*\//, '$1'), status],
        ...[changes.map(c => c.what), note, estimate],
      ]),
    )
    .sort()

const SERVICE_HOSTS = ['infra-cluster', 'storage1', 'postgresql1', 'loadbalancer1', 'loadbalancer2']

const FROM_NOTHING = 'the site, from nothing to a second run that changes nothing'

void t.test(FROM_NOTHING, NEEDS_PODS, async t => {
  const r = await rig(t, 'site')

  await t.test('a dry run on fresh hosts writes nothing', async t => {
    const before = SERVICE_HOSTS.map(h => disk(r, h))
    const planned = await r.fmc('play', 'site', '--dry-run')
    t.equal(planned.code, 0, planned.failures.join('\n'))
    t.strictSame(
      SERVICE_HOSTS.map(h => disk(r, h)),
      before,
      'the disks are as they were',
    )
    t.ok(planned.changed.length > 50, 'and it has named a lot')
    const pending = await r.fmc('play', 'site', '--dry-run', '--exit-code')
    t.equal(pending.code, 3, 'changes are pending')

    await t.test('and it is the same, word for word, before there is any host', async t => {
      const bare = await rig(t, 'site-bare', { hosts: ['hypervisor'] })
      const foreseen = await bare.fmc('play', join(ROOT, 'test/rig/from-nothing.ts'), '--dry-run')
      t.equal(foreseen.code, 0, foreseen.failures.join('\n'))
      t.equal(foreseen.recap?.new?.length, r.state.hosts.length - 1)
      // A virtual machine that this lab would make is one of Debian.
      const without = ['hypervisor', ...bare.state.made]
      t.equal(without.length, 2)
      t.strictSame(told(foreseen, without), told(planned, without))
      const status = await run([process.execPath, BIN, 'lab', 'status', '--name', bare.name])
      t.match(status.stdout, /^Not in this lab, unless a role makes them: .*master1/m)
    })
  })

  await t.test('the run does what the dry run said, and the next has nothing to do', async t => {
    const canaries = new Canaries(join(ROOT, 'inventory.yaml'), r.state.dir)
    const watch = watchProcesses(canaries)
    const done = await proveRole(t, r, 'play', 'site')
    const { samples, processes, found } = watch.stop()
    t.comment(`${canaries.names.length} secrets; ${processes} processes, read ${samples} times`)
    t.ok(samples > 50, 'the processes were read all the while')
    t.strictSame(found, [], 'no secret in argv or environment, here or on a host')
    t.strictSame(canaries.in(Buffer.from(done.stdout + done.stderr)), [], 'none in events')
    for (const dir of [cacheDir(), '/tmp', '/run', '/var/tmp'])
      t.strictSame(canaries.below(dir, BEGAN), [], `none in ${dir}`)
    const runs = labRunsDir(r.state.dir)
    t.strictSame(canaries.below(runs), [], 'none in records')
    const pages = [...recordedRuns(runs)].map(one => reportPage(one, one.read()))
    t.ok(pages.length > 0 && pages.every(page => page.includes('Timeline')))
    t.strictSame(canaries.in(Buffer.from(pages.join(''))), [], 'none in reports')
    const files = r.state.hosts.flatMap(h => secretFiles(r, canaries, h.name))
    t.strictSame(
      files.filter(f => f.open).map(f => f.what),
      [],
      'on hosts only where root alone reads them',
    )
    t.strictSame(
      [...new Set(files.map(f => f.path))].sort(),
      [
        '/etc/rancher/k3s/config.yaml',
        '/var/lib/rancher/k3s/server/agent-token',
        '/var/lib/rancher/k3s/server/token',
      ],
      'and only where they are declared',
    )
    const pending = await r.fmc('play', 'site', '--dry-run', '--exit-code')
    t.equal(pending.code, 0, `nothing is pending ${pending.failures.join('\n')}`)
  })

  await t.test(
    'drift made by hand in every role is predicted exactly, shown, and mended',
    async t => {
      await r.text(
        'infra-cluster',
        'echo "# by hand" >>/etc/coredns/Corefile; systemctl stop chronyd; chmod 600 /etc/chrony.conf',
      )
      await r.text('storage1', 'echo "/srv/nfs/shared *(rw)" >>/etc/exports.d/fmc.exports')
      await r.text(
        'postgresql1',
        'echo "work_mem = 1MB" >>/var/lib/pgsql/data/conf.d/fmc.conf; systemctl disable -q --now fmc-postgresql-backup.timer',
      )
      await r.text('loadbalancer1', 'sed -i "s/maxconn.*/maxconn 17/" /etc/haproxy/haproxy.cfg')
      await r.text('loadbalancer2', 'rm /etc/keepalived/keepalived.conf')
      await r.text('hypervisor', 'ip link set wg0 down')
      // K3s does not answer when the manifests of this server are planned.
      await r.text(
        'master1',
        'systemctl stop k3s; sed -i "s/$/\\r/" /etc/rancher/k3s/config.yaml; head -c 1000 /opt/bin/k3s >/opt/bin/half; chmod 755 /opt/bin/half; mv /opt/bin/half /opt/bin/k3s',
      )
      const shown = await r.fmc(
        'role',
        'haproxy-keepalived',
        'loadbalancer1',
        '--dry-run',
        '--diff',
        '--exit-code',
      )
      t.equal(shown.code, 3)
      const diff = shown.tasks.flatMap(e => e.changes.flatMap(c => c.diff ?? [])).join('\n')
      t.match(diff, /^-.*maxconn 17$/m)
      const done = await proveRole(t, r, 'play', 'site')
      for (const host of [...SERVICE_HOSTS, 'hypervisor', 'master1'])
        t.ok(
          done.changed.some(c => c.startsWith(`${host} `)),
          `${host} was mended`,
        )
    },
  )

  await t.test('from the Internet: the web, by the router, and nothing else', async t => {
    const outside = await internet(t, r, {
      nft: 'worker1',
      forwards: [
        [8080, `${WEB}:80`],
        [2052, `${WEB}:443`],
      ],
    })
    for (const url of [`http://${HOUSE}:8080/`, `https://${HOUSE}:2052/`])
      t.match(
        (await outside('curl', '-sk', '-m', '5', url)).stdout,
        `client ${SOMEBODY}\n`,
        'Traefik (its double) answers, and knows whom',
      )
    const api = ['curl', '-sk', '-m', '2', '-o', '/dev/null', '-w', '%{http_code}']
    t.equal((await r.inLan(...api, `https://${API}:6443/readyz`)).stdout, '401')
    for (const address of [HOUSE, API, '10.17.4.21'])
      t.equal((await outside(...api, `https://${address}:6443/readyz`)).stdout, '000', address)
  })

  await t.test('the lab says what it is', async t => {
    const { code, stdout } = await run([process.execPath, BIN, 'lab', 'status', '--name', r.name])
    t.equal(code, 0)
    t.match(stdout, /storage1 .* flatcar/)
    t.match(stdout, /What is not the real thing/)
  })
})
