import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { enterLab } from '../lib/lab/enter.ts'
import { cut, heal, kill, type LabState } from '../lib/lab/index.ts'
import { Project, soon, type Run } from './faults/project.ts'
import { ETCDCTL } from '../roles/shared/k3s/server-state.ts'
import { rig, ROOT } from './rig/lab.ts'
import { isRealK3s, k3sTimeout, NEEDS_PODS } from './rig/real-k3s.ts'
import { until } from './rig/until.ts'

const NEW = 'v1.36.4+k3s1'
const HOSTS = ['lb1', 'lb2', 'master1', 'master2', 'master3', 'worker1']
const INVENTORY = `
timezone: UTC
domain: ops.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, bridge: br0 }
vips:
  api: { address: 192.168.0.32, network: lan, vrid: 51, ports: [6443], backends: k3s_servers, check: k3s, balancers: loadbalancers }
groups:
  loadbalancers: { hosts: [lb1, lb2] }
  k3s_servers:
    hosts: [master1, master2, master3]
    vars: { k3s_token: !secret k3s_token, k3s_node_taints: ['node-role.kubernetes.io/control-plane=true:NoSchedule'] }
  k3s_agents: { hosts: [worker1] }
  k3s_cluster:
    children: [k3s_servers, k3s_agents]
    vars: { k3s_agent_token: !secret k3s_agent_token }
  databases: { hosts: [] }
  hypervisors: { hosts: [] }
hosts:
  lb1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  lb2: { os: debian 12, nics: [{ network: lan, address: 192.168.0.31 }] }
  master1: { os: flatcar, nics: [{ network: lan, address: 192.168.0.21 }] }
  master2: { os: flatcar, nics: [{ network: lan, address: 192.168.0.22 }] }
  master3: { os: flatcar, nics: [{ network: lan, address: 192.168.0.23 }] }
  worker1: { os: flatcar, nics: [{ network: lan, address: 192.168.0.24 }] }
`
/** The plays of the site that are about K3s and the way to it. */
const CLUSTER = `
import { play, playbook } from '${ROOT}/lib/index.ts'
import server, { etcdQuorum, repairFirst } from '${ROOT}/roles/k3s-server/index.ts'
import agent from '${ROOT}/roles/k3s-agent/index.ts'
import balancer from '${ROOT}/roles/haproxy-keepalived/index.ts'
export default playbook('cluster', [
  play('Balancers', { hosts: 'loadbalancers', roles: [balancer], serial: 1 }),
  play('Servers', { hosts: 'k3s_servers', roles: [server], serial: 1, order: repairFirst, invariant: etcdQuorum }),
  play('Agents', { hosts: 'k3s_agents', roles: [agent] }),
])
`

const kubectl = (command: string): string => `PATH=$PATH:/opt/bin; k3s kubectl ${command}`

/** What test/rig/ask-every.js prints. */
interface Seen {
  readonly asked: number
  readonly failed: number
  readonly longestGapMs: number
  /** Of the failures: how often each. */
  readonly reasons: Readonly<Record<string, number>>
}

/** An API client that asks the VIP every 100 ms; `stop` says what it saw. */
function client(state: LabState) {
  const [program = '', ...argv] = enterLab(state, [
    process.execPath,
    join(ROOT, 'test/rig/ask-every.js'),
    'https://192.168.0.32:6443/readyz',
  ])
  const child = spawn(program, argv)
  let said = ''
  child.stdout.on('data', (d: Buffer) => (said += d.toString()))
  const end = new Promise(resolve => child.on('close', resolve))
  return async (): Promise<Seen> => {
    child.kill('SIGTERM')
    await end
    return JSON.parse(said) as Seen
  }
}

const good = (t: Test, run: Run, what: string): void => {
  t.equal(
    run.code,
    0,
    `${what} ${JSON.stringify(run.failures)} ${run.code === 0 ? '' : run.stderr}`,
  )
  t.match(run.recap, { failed: 0, unreachable: 0, unpredicted: 0, unneeded: 0 }, what)
}

const pageOf = (run: Run) => run.events.find(e => e.type === 'page')
const texts = (run: Run, level: string): string[] =>
  pageOf(run)?.findings.flatMap(f => (f.level === level ? [f.text] : [])) ?? []

void t.test('operations', { timeout: k3sTimeout(900_000) }, async t => {
  const dir = t.testdir({
    'inventory.yaml': INVENTORY,
    playbooks: { 'cluster.ts': CLUSTER },
  })
  const r = await rig(t, 'test-operations', {
    inventory: join(dir, 'inventory.yaml'),
    hosts: HOSTS,
  })
  const p = new Project(r, dir)
  const fmc = (...args: string[]): Promise<Run> => p.fmc(...args)
  good(t, await fmc('play', 'cluster'), 'the cluster')
  /** As long as this the masters answer 503 each time that they come back. */
  const answers503 = async (seconds: number): Promise<void> => {
    const dir = '/etc/k3s-double'
    for (const host of HOSTS.filter(h => h.startsWith('master')))
      await r.text(host, `mkdir -p ${dir}; echo ${seconds} >${dir}/slow-start`)
  }

  await t.test('a healthy cloud is one page without a fault', async t => {
    const run = await fmc('play', 'health')
    // The real K3s has pods of its own, which wait for their images.
    const waiting = isRealK3s ? ['2 of 4 pods do not run as they should'] : []
    t.strictSame([texts(run, 'broken'), texts(run, 'degraded')], [[], waiting], run.stdout)
    t.equal(run.code, isRealK3s ? 2 : 0)
    t.ok(texts(run, 'fine').some(f => /3 voters/.test(f)))
  })

  await t.test('what would break the cluster is refused', async t => {
    for (const [version, why] of [['v1.38.0+k3s1', /skips minor versions/]] as const) {
      const run = await fmc('play', 'k3s-upgrade', '--dry-run', '-e', `k3s_version=${version}`)
      t.equal(run.code, 2)
      t.match(JSON.stringify(run.failures), why)
    }
  })

  await t.test(
    'an upgrade that is killed in the middle is finished by running it again',
    async t => {
      await answers503(2)
      const stop = client(r.state)
      const argv = ['play', 'k3s-upgrade', '-e', `k3s_version=${NEW}`]
      const first = p.startWithLab(...argv)
      await first.until(
        e =>
          e.type === 'task' &&
          e.host === 'master2' &&
          e.task.startsWith('artifact') &&
          e.status === 'changed',
      )
      const beside = await p.startWithLab(...argv).end
      t.equal(beside.code, 2)
      t.match(
        JSON.stringify(beside.failures),
        /another fmc run holds the lock of this host/,
        'a second one beside it',
      )
      first.kill('SIGKILL')
      await first.end
      for (const host of HOSTS)
        t.ok(await p.unlocked(host), `the command that was under way on ${host} has ended`)
      good(t, await p.startWithLab(...argv).end, 'the rest')
      const seen = await stop()
      t.comment(`k3s-upgrade, an API client every 100 ms: ${JSON.stringify(seen)}`)
      t.ok(seen.asked > 50, JSON.stringify(seen))
      t.equal(seen.failed, 0, JSON.stringify(seen))
      const nodes = await r.text('master1', kubectl('get nodes --no-headers'))
      t.strictSame(
        nodes.split('\n').map(l => [l.split(/\s+/)[1], l.split(/\s+/)[4]]),
        Array(4).fill(['Ready', NEW]),
      )
    },
  )

  await t.test('a snapshot comes with its token, readable by its owner only', t => {
    const kept = join(r.state.dir, 'kept/etcd')
    const [stamp = ''] = readdirSync(kept)
    const files = readdirSync(join(kept, stamp))
    t.match(files, [/^fmc-master1-\d+$/, 'token'])
    t.equal(statSync(join(kept, stamp)).mode & 0o777, 0o700)
    for (const file of files) t.equal(statSync(join(kept, stamp, file)).mode & 0o777, 0o600)
    t.match(readFileSync(join(kept, stamp, 'token'), 'utf8'), /^K10[0-9a-f]{64}::server:/)
    t.end()
  })

  await t.test('masters reboot one at a time, and users notice nothing', async t => {
    const stop = client(r.state)
    const run = await fmc('play', 'reboot', '--limit', 'k3s_servers')
    const seen = await stop()
    good(t, run, 'the reboots')
    t.equal(run.changed.filter(c => c.endsWith(' reboot')).length, 3)
    t.comment(`reboot of the masters, an API client every 100 ms: ${JSON.stringify(seen)}`)
    t.ok(seen.asked > 50, JSON.stringify(seen))
    t.equal(seen.failed, 0, JSON.stringify(seen))
    t.ok(run.changed.includes('lb1 no new connections to master2'), run.changed.join())
    t.ok(run.changed.includes('lb2 connections again to master2'), run.changed.join())
  })

  await t.test('certificates that end soon are renewed, and users notice nothing', async t => {
    const dir = '/etc/systemd/system/k3s.service.d'
    const [short, long] = isRealK3s
      ? [
          // rancher/dynamiclistener, cert/cert.go: how long K3s's certificates last.
          `mkdir -p ${dir}; printf '[Service]\\nEnvironment=CATTLE_NEW_SIGNED_CERT_EXPIRATION_DAYS=30\\n' >${dir}/test.conf; systemctl daemon-reload`,
          `rm ${dir}/test.conf; systemctl daemon-reload`,
        ]
      : [
          'mkdir -p /etc/k3s-double; echo 30 >/etc/k3s-double/cert-days',
          'rm /etc/k3s-double/cert-days',
        ]
    await r.text(
      'master3',
      `PATH=$PATH:/opt/bin; ${short}; k3s certificate rotate >/dev/null 2>&1 && systemctl restart k3s; ${long}`,
    )
    await until(
      async () => (await r.on('master3', kubectl('get --raw /readyz'))).code === 0,
      k3sTimeout(60),
      'master3 is back',
    )
    const args = ['play', 'certificates', '--limit', 'k3s_servers']
    const stop = client(r.state)
    const run = await fmc(...args)
    const seen = await stop()
    good(t, run, 'the certificates')
    t.strictSame(
      run.changed.filter(c => c.includes('certificates')),
      ['master3 certificates of k3s'],
    )
    t.comment(`certificates of a master, an API client every 100 ms: ${JSON.stringify(seen)}`)
    t.equal(seen.failed, 0, JSON.stringify(seen))
    t.strictSame((await fmc(...args, '--dry-run')).changed, [], 'nothing is left to do')
  })

  await t.test(
    'a server that restarts unplanned gets no connections while it answers 503',
    async t => {
      const stop = client(r.state)
      await r.text('master2', 'systemctl kill -s KILL k3s')
      await until(
        async () => (await r.on('master2', kubectl('get --raw /readyz'))).code === 0,
        k3sTimeout(60),
        'master2 is back',
      )
      const seen = await stop()
      t.comment(`K3s of master2 was killed, an API client every 100 ms: ${JSON.stringify(seen)}`)
      t.ok(seen.asked > 30 && seen.longestGapMs < 1000, JSON.stringify(seen))
      // What it had in hand is cut; nobody gets an answer 503.
      t.strictSame(
        Object.keys(seen.reasons).filter(r => r !== 'ECONNRESET'),
        [],
        JSON.stringify(seen),
      )
      await answers503(0)
    },
  )

  await t.test('the socket with which servers are drained is root’s alone', async t => {
    for (const [user, code] of [
      ['haproxy', 7],
      ['root', 0],
    ] as const)
      t.equal(
        (
          await r.on(
            'lb1',
            `setpriv --reuid=${user} --clear-groups curl -s -o /dev/null --unix-socket /run/haproxy-fmc.sock http://haproxy/`,
          )
        ).code,
        code,
        user,
      )
  })

  await t.test(
    'health names what waits, since when, and why; and snapshots that pile up',
    async t => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'waits',
          namespace: 'kube-system',
          annotations: {
            'double/pending': 'MountVolume.SetUp failed for volume "x": secret "y" not found',
          },
        },
        spec: {
          tolerations: [{ operator: 'Exists' }],
          containers: [{ name: 'c', image: 'x' }],
          volumes: [{ name: 'x', secret: { secretName: 'y' } }],
        },
      }
      await r.on('master1', kubectl('apply -f -'), JSON.stringify(pod))
      const dir = '/var/lib/rancher/k3s/server/db/snapshots'
      await r.text(
        'master2',
        `mkdir -p ${dir}; for i in 1 2 3 4 5 6 7; do echo x >${dir}/fmc-master2-$i; done`,
      )
      const found = (): Promise<Run> => fmc('play', 'health', '-e', 'health_pod_seconds=2')
      await until(
        async () =>
          /kube-system\/waits: [^"]*FailedMount/.test(JSON.stringify(pageOf(await found()))),
        30,
        'it waits',
      )
      const run = await found()
      t.equal(run.code, 2)
      t.match(
        JSON.stringify(pageOf(run)),
        /kube-system\/waits: ContainerCreating on \w+ for \d+ s: FailedMount: MountVolume\.SetUp failed for volume/,
      )
      t.match(
        texts(run, 'notice').join('\n'),
        /^master2 keeps 7 snapshots that fmc took; it should be 5/m,
      )
      const hint = /"hint":"(k3s etcd-snapshot prune [^#"]*)/.exec(JSON.stringify(pageOf(run)))?.[1]
      await r.text('master2', `PATH=$PATH:/opt/bin; ${hint ?? 'false'} 2>&1`)
      t.equal(await r.text('master2', `ls ${dir}/fmc-* | wc -l`), '5', 'the hint helps')
      await r.text('master1', kubectl('-n kube-system delete pod waits'))
    },
  )

  await t.test('a drain that is blocked is undone and told', NEEDS_PODS, async t => {
    const objects = [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'held', namespace: 'default' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'held' } },
          template: {
            metadata: { labels: { app: 'held' } },
            spec: { containers: [{ name: 'c', image: 'x' }] },
          },
        },
      },
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'held', namespace: 'default' },
        spec: { minAvailable: 1, selector: { matchLabels: { app: 'held' } } },
      },
    ]
    for (const o of objects) {
      const applied = await r.on('master1', kubectl('apply -f -'), JSON.stringify(o))
      t.equal(applied.code, 0, applied.stderr)
    }
    const held = async (): Promise<boolean> =>
      /held.*Running.*worker1/.test(await r.text('master1', kubectl('get pods --no-headers')))
    t.ok(await soon(held))
    const before = await r.text('worker1', 'cat /proc/sys/kernel/random/boot_id')
    const run = await fmc('play', 'reboot', '--limit', 'worker1', '-e', 'reboot_drain_seconds=3')
    t.equal(run.code, 2)
    t.match(JSON.stringify(run.failures), /drain worker1.*[\s\S]*disruption budget/i)
    t.equal(
      await r.text('worker1', 'cat /proc/sys/kernel/random/boot_id'),
      before,
      'it was not rebooted',
    )
    t.notMatch(
      await r.text('master1', kubectl('get nodes')),
      /SchedulingDisabled/,
      'and takes pods again',
    )
    await r.text('master1', kubectl('delete poddisruptionbudgets held'))
  })

  await t.test('back to a snapshot', async t => {
    const stamp = readdirSync(join(r.state.dir, 'kept/etcd')).sort().at(-1) ?? ''
    await r.text('master2', kubectl('create namespace later'))
    const args = ['play', 'etcd-restore', '-e', `etcd_restore_from=etcd/${stamp}`]
    const unasked = await fmc(...args)
    t.equal(unasked.code, 1)
    t.match(unasked.stderr, /needs confirmation/)
    const run = await fmc(...args, '-e', 'confirm=ops.internal')
    good(t, run, 'the restore')
    t.notMatch(await r.text('master3', kubectl('get namespaces')), /later/)
  })

  await t.test('a node starts from nothing under its name', async t => {
    const args = [
      'play',
      'node-replace',
      '--limit',
      'master3',
      '-e',
      `k3s_version=${NEW}`,
      '-e',
      'confirm=master3',
    ]
    t.match(JSON.stringify((await fmc(...args)).failures), /it is not a new machine/)
    good(t, await fmc(...args, '-e', 'node_replace_wipe=true'), 'the new node')
  })

  await t.test('the kubeconfig comes from another server while the first is cut off', async t => {
    const kubeconfig = join(r.state.dir, 'kubeconfig')
    t.notOk(existsSync(kubeconfig))
    // A connection whose end the cut swallows would keep its lock for long after.
    t.ok(await p.unlocked('master1'))
    await cut(r.state, 'master1')
    await fmc('role', 'kubeconfig', 'k3s_servers')
    await heal(r.state, 'master1')
    const serves = async () => (await r.on('master1', kubectl('get --raw /readyz'))).code === 0
    t.ok(await soon(serves, 60))
    t.match(readFileSync(kubeconfig, 'utf8'), 'server: https://192.168.0.32:6443')
  })

  await t.test('a master without power: said, and no upgrade beside it', async t => {
    await kill(r.state, 'master2')
    // It may have led etcd: without a leader no other server is healthy either.
    for (const host of ['master1', 'master3'])
      await until(
        async () => (await r.on(host, kubectl('get --raw /readyz'))).code === 0,
        60,
        `${host} goes on without master2`,
      )
    // health takes no lock: it works beside a run.
    const [run, upgrade] = await Promise.all([
      fmc('play', 'health'),
      fmc('play', 'k3s-upgrade', '-e', 'k3s_version=v1.36.5+k3s1'),
    ])
    t.equal(run.code, 2)
    t.match(texts(run, 'degraded').join('\n'), /^master2 \(192\.168\.0\.22\) does not answer/m)
    t.match(
      JSON.stringify(pageOf(run)),
      /etcd goes on with 2 of 3 servers; the next one that fails stops the cluster/,
    )
    t.equal(upgrade.code, 2)
    t.match(JSON.stringify(upgrade.failures), /an upgrade needs every server healthy: master2/)
  })

  await t.test(
    'a host that cannot be spared stays; a dead and a running one are removed',
    async t => {
      const remove = (host: string, ...more: string[]): Promise<Run> =>
        fmc('play', 'remove', '--limit', host, ...more)
      const nodes = (): Promise<string> => r.text('master1', kubectl('get nodes -o name'))
      const refused = await remove('master3', '--dry-run')
      t.equal(refused.code, 2)
      t.match(
        JSON.stringify(refused.failures),
        /without master3 etcd would lose its quorum \(2 of 3 voters\): master2: /,
      )
      t.match((await remove('master2')).stderr, /master2 is taken out of the cluster for good/)

      for (const [host, changed] of [
        ['master2', ['master1 no node master2', 'master1 no etcd member master2']],
        [
          'worker1',
          ['master1 drain worker1', 'worker1 service k3s-agent', 'master1 no node worker1'],
        ],
      ] as const) {
        const planned = await remove(host, '--dry-run')
        t.match(planned, { code: 0, changed }, JSON.stringify(planned.failures))
        t.match(await nodes(), host, 'a dry run removes nothing')
        const run = await remove(host, '-e', `confirm=${host}`)
        good(t, run, `${host} goes`)
        t.strictSame(run.changed, changed)
        t.notMatch(await nodes(), host)
        t.strictSame((await remove(host, '--dry-run')).changed, [], 'and is gone')
      }
      const members = await r.text('master1', `${ETCDCTL} member list -w simple`)
      t.notMatch(members, /192\.168\.0\.22/)
    },
  )
})
