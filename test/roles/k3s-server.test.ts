// Three servers and an agent of their own: founded, joined, wiped, killed, refused. K3s is the lab's double, or the real one
// (FMC_TEST_K3S), then with two releases: FMC_TEST_K3S=/path/to/v1.36.3:/path/to/v1.36.4.
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { cut, heal, kill } from '../../lib/lab/index.ts'
import { start } from '../faults/project.ts'
import { inside } from '../rig/balancers.ts'
import { fmcInLab, proveRole, rig, ROOT, type Rig } from '../rig/lab.ts'
import { isRealK3s, k3sTimeout, onlyDouble } from '../rig/real-k3s.ts'
import { until } from '../rig/until.ts'

const INVENTORY = `
timezone: UTC
domain: k3s.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, bridge: br0 }
groups:
  k3s_servers: { hosts: [m1, m2, m3], vars: { k3s_token: !secret k3s_token } }
  k3s_agents: { hosts: [a1] }
  k3s_cluster:
    children: [k3s_servers, k3s_agents]
    vars: { k3s_agent_token: !secret k3s_agent_token }
hosts:
  m1: { os: flatcar, nics: [{ network: lan, address: 192.168.0.21 }] }
  m2: { os: almalinux 9, nics: [{ network: lan, address: 192.168.0.22 }] }
  m3: { os: debian 12, nics: [{ network: lan, address: 192.168.0.23 }] }
  a1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.24 }], vars: { k3s_node_labels: { tier: web } } }
`
/** The plays of the site that are about K3s itself. */
const PLAYBOOK = `
import { play, playbook } from '${ROOT}/lib/index.ts'
import server, { etcdQuorum, nodesReady, repairFirst } from '${ROOT}/roles/k3s-server/index.ts'
import agent from '${ROOT}/roles/k3s-agent/index.ts'
import kubeconfig from '${ROOT}/roles/kubeconfig/index.ts'
export default playbook('site', [
  play('Servers', { hosts: 'k3s_servers', roles: [server], serial: 1, order: repairFirst, invariant: etcdQuorum }),
  play('Kubeconfig', { hosts: 'k3s_servers', roles: [kubeconfig] }),
  play('Agents', { hosts: 'k3s_agents', roles: [agent], serial: 1, invariant: nodesReady }),
])
`
const TLS = '/var/lib/rancher/k3s/server/tls/etcd'
const MEMBERS = `etcdctl --endpoints https://127.0.0.1:2379 --cacert ${TLS}/server-ca.crt --cert ${TLS}/client.crt --key ${TLS}/client.key member list`
const WIPE =
  'systemctl disable -q k3s; systemctl kill -s KILL k3s; systemctl stop k3s; rm -rf /var/lib/rancher /etc/rancher /etc/systemd/system/k3s.service; systemctl daemon-reload'

const DISK_LOST = `${WIPE}; rm -f /opt/bin/k3s* /usr/local/bin/k3s*`

/** Seconds within which a cluster does what is waited for here. */
const PATIENCE = isRealK3s ? 120 : 30
/** How the kubelet of a server is made to end, and what it says. Of the real K3s: it may not set the kernel's flags, and one of them has another value. */
const [KUBELET_DIES, KUBELET_LIVES, FLAG] = isRealK3s
  ? [
      'echo 99 >/proc/sys/kernel/panic; echo "protect-kernel-defaults: true" >/etc/rancher/k3s/config.yaml.d/test.yaml',
      'rm /etc/rancher/k3s/config.yaml.d/test.yaml',
      'kernel/panic, expected value: 10, actual value: 99',
    ]
  : [
      'mkdir /etc/k3s-double; echo "invalid kernel flag: vm/panic" >/etc/k3s-double/kubelet-dies',
      'rm -r /etc/k3s-double',
      'vm/panic',
    ]

/** Servers that vote, as one of them tells; others are shown with their status. */
const voters = async (r: Rig, from: string): Promise<readonly string[]> =>
  (await r.text(from, MEMBERS))
    .split('\n')
    .map(line => line.split(', '))
    .map(([, status, name, , , learner]) =>
      status === 'started' && learner === 'false'
        ? (name ?? '').slice(0, 2)
        : `${name ?? ''} ${status ?? ''} learner=${learner ?? ''}`,
    )
    .sort()

const serves = async (r: Rig, host: string): Promise<boolean> =>
  (
    await r.on(
      host,
      'curl -fs -m 3 http://127.0.0.1:2381/health && PATH=$PATH:/opt/bin k3s kubectl get --raw /readyz',
    )
  ).code === 0

/** A member of etcd learns some ms after the others what has been decided. */
const untilVoters = (r: Rig, from: string, names: readonly string[], what = ''): Promise<number> =>
  until(
    async () => (await voters(r, from)).join() === names.join(),
    PATIENCE,
    `${names.join(', ')} vote, as ${from} sees it ${what}`,
  )

/** A run that was killed keeps its lock on a host until that has learned of it. */
const untilUnlocked = async (r: Rig, ...hosts: readonly string[]): Promise<void> => {
  for (const host of hosts)
    await until(
      async () => (await r.on(host, 'flock -n /run/fmc.lock true')).code === 0,
      60,
      `no run is at work on ${host}`,
    )
}

/** Asks for a release that K3s has never had. */
const ANY = { skip: onlyDouble('any release') }
const SITE = ['play', 'site']
/** From the second step on: a variable that restarts every server once. */
const CHANGED = [...SITE, '-e', 'k3s_snapshot_retention=7']

const NEXT = 'v1.36.4+k3s1'
const LONGER_THAN_AN_ELECTION_MS = 3000
/** What befalls a server after a task: its power goes, its network with fmc, or its disk with fmc. */
type Blow = 'kill' | 'cut' | 'wipe'
const DIRS = 'directory /var/lib/rancher/k3s/server/manifests'
/** Each strike meets the run that goes on after the one before. */
const PHASES: readonly {
  readonly what: string
  readonly args: readonly string[]
  readonly strikes: readonly (readonly [host: string, task: string, blow: Blow])[]
}[] = [
  {
    what: 'founding and joining',
    args: SITE,
    strikes: [
      ['m1', 'directory /opt/bin', 'kill'], // its program is on the way
      ['m1', DIRS, 'wipe'], // it is being started
      ['m1', 'service k3s', 'cut'], // it founds
      ['m2', 'service k3s', 'cut'], // it joins
      ['m3', 'service k3s', 'wipe'],
      ['m3', 'gate every member of etcd votes', 'kill'],
      ['m1', 'file /etc/rancher/k3s/config.yaml', 'kill'], // the last: it founds no more
    ],
  },
  {
    what: 'upgrade',
    args: [...SITE, '-e', `k3s_version=${NEXT}`],
    strikes: [
      ['m1', 'handler restart k3s', 'cut'],
      ['m2', 'artifact /usr/local/bin/k3s', 'kill'],
      ['m3', 'handler restart k3s', 'wipe'],
    ],
  },
]

const LIMIT = { timeout: k3sTimeout(1_100_000) }

void t.test('a cluster, from nothing and through what can go wrong', LIMIT, async t => {
  const wrong = INVENTORY.replace(
    'lan, address: 192.168.0.23 }]',
    '$&, vars: { k3s_token: !secret other }',
  )
  const dir = t.testdir({
    good: { 'inventory.yaml': INVENTORY, playbooks: { 'site.ts': PLAYBOOK } },
    wrong: { 'inventory.yaml': wrong, playbooks: { 'site.ts': PLAYBOOK } },
  })
  const inventory = join(dir, 'good/inventory.yaml')
  const r = await rig(t, 'test-k3s', { inventory })
  const kubeconfig = join(r.state.dir, 'kubeconfig')
  const ALL = ['m1', 'm2', 'm3']
  const label = () => r.text('m1', '/opt/bin/k3s kubectl get node a1 -o json')
  const pids = (...of: readonly string[]) =>
    Promise.all(of.map(h => r.text(h, 'systemctl show -p MainPID --value k3s')))

  await t.test('founded and joined exactly as the dry run says, then nothing to do', async t => {
    const done = await proveRole(t, r, ...SITE)
    await untilVoters(r, 'm1', ALL)
    t.equal(statSync(kubeconfig).mode & 0o777, 0o600)
    const key = /client-key-data: (\S+)/.exec(readFileSync(kubeconfig, 'utf8'))?.[1] ?? 'none'
    t.notMatch(done.stdout + done.stderr, key, 'the key is in no event')
    const configs = await Promise.all(
      [...ALL, 'a1'].map(h => r.text(h, 'cat /etc/rancher/k3s/config.yaml')),
    )
    t.notMatch(configs.join(''), 'cluster-init', 'no server founds a cluster any more')
    for (const host of ALL)
      t.equal(
        /^selinux: true$/m.test(await r.text(host, 'cat /etc/rancher/k3s/config.yaml')),
        host === 'm2',
      )
    t.equal(
      await r.text(
        'm2',
        'awk \'/k3s/ { print $2 }\' /var/lib/fmc-lab/selinux/contexts; rpm -q --qf "%{name}\\n" k3s-selinux; firewall-cmd --permanent --zone=trusted --list-sources; firewall-cmd --zone=public --list-ports',
      ),
      'container_runtime_exec_t\ncontainer_unit_file_t\nk3s-selinux\n10.42.0.0/16 10.43.0.0/16\n2379-2380/tcp 6443/tcp 10250/tcp 8472/udp',
      'Enterprise Linux: labels, policy, and what firewalld lets in',
    )
    const token = /^token: "(.*)"$/m.exec(configs[0] ?? '')?.[1] ?? 'none'
    t.notMatch(configs[3], token, 'an agent has only its own token')
    for (const [i, user] of [
      [1, 'server'],
      [2, 'server'],
      [3, 'node'],
    ] as const)
      t.match(configs[i], new RegExp(`^token: "K10[0-9a-f]{64}::${user}:`, 'm'), 'trusts one CA')
    t.match(await label(), /"tier": ?"web"/)
  })

  await t.test(
    'a downgrade and a skipped minor are refused before anything is touched',
    async t => {
      for (const [version, why] of [
        ['v1.36.2+k3s1', /v1\.36\.3\+k3s1 → v1\.36\.2\+k3s1 would be a downgrade/],
        ['v1.38.0+k3s1', /skips minor versions: upgrade to v1\.37 first/],
      ] as const) {
        const refused = await r.fmc(...SITE, '-e', `k3s_version=${version}`)
        t.equal(refused.code, 2)
        t.match(refused.failures.join('\n'), why)
        t.strictSame(refused.changed, [])
      }
    },
  )

  await t.test('an incomplete download is noticed before a host is touched', ANY, async t => {
    const whole = r.state.artifacts['k3s']?.path ?? ''
    const half = join(dirname(whole), `k3s-v1.36.77+k3s1`)
    copyFileSync(whole, half)
    truncateSync(half, 1_000_000)
    writeFileSync(`${half}.sha256`, 'ab'.repeat(32)) // of the whole
    t.teardown(() => [half, `${half}.sha256`].forEach(file => rmSync(file)))
    const refused = await r.fmcInVain(...SITE, '-e', 'k3s_version=v1.36.77+k3s1')
    t.equal(refused.code, 2)
    t.match(refused.failures.join('\n'), /k3s v1\.36\.77[^]*is not available[^]*sha256/)
    t.strictSame(refused.changed, [])
  })

  await t.test(
    'a changed variable restarts one server after the other; a label is put back',
    async t => {
      await r.text('m1', '/opt/bin/k3s kubectl label node a1 tier=db --overwrite')
      const before = await pids(...ALL)
      const done = await r.fmc(...CHANGED)
      t.equal(done.code, 0, done.failures.join('\n'))
      t.match(done.recap, { unpredicted: 0, unneeded: 0 })
      t.strictSame(
        done.tasks
          .filter(e => e.status === 'changed' || e.task.startsWith('invariant etcd'))
          .map(e => `${e.host} ${e.task}`),
        [
          ...ALL.flatMap(h => [
            `${h} invariant etcd keeps its quorum before ${h}`,
            `${h} file /etc/rancher/k3s/config.yaml`,
            `${h} handler restart k3s`,
            `${h} invariant etcd keeps its quorum after ${h}`,
          ]),
          'm1 node a1',
        ],
      )
      const after = await pids(...ALL)
      t.ok(after.every((pid, n) => pid !== before[n]))
      t.match(await label(), /"tier": ?"web"/)
    },
  )

  await t.test('a crash loop ends the run soon, with the kubelet’s own last word', async t => {
    await r.text('m3', KUBELET_DIES)
    const begun = performance.now()
    const failed = await r.fmc(...SITE, '-e', 'k3s_snapshot_retention=8', '--limit', 'm3')
    const seconds = (performance.now() - begun) / 1000
    t.equal(failed.code, 2)
    t.match(
      failed.failures.join('\n'),
      new RegExp(
        `k3s\\.service does not stay up \\(\\w+, started again \\d+ times\\): "Failed to start ContainerManager" err="invalid kernel flag: ${FLAG}"`,
      ),
    )
    t.ok(seconds < 60, `after ${Math.round(seconds)} s`)
    t.comment(`the crash loop was told after ${seconds.toFixed(1)} s`)
    await r.text('m3', KUBELET_LIVES)
    const mended = await r.fmc(...CHANGED, '--limit', 'm3')
    t.equal(mended.code, 0, mended.failures.join('\n'))
    await untilVoters(r, 'm1', ALL)
  })

  await t.test(
    'the founder loses its disk: it is rebuilt as predicted and founds nothing',
    async t => {
      await r.text('m1', WIPE)
      for (const host of ['m2', 'm3'])
        await until(() => serves(r, host), PATIENCE, `the others have a leader: ${host}`)
      const planned = await r.fmc(...CHANGED, '--dry-run')
      const done = await r.fmc(...CHANGED)
      t.equal(done.code, 0, done.failures.join('\n'))
      t.strictSame(done.changed, planned.changed)
      t.match(done.recap, { unpredicted: 0, unneeded: 0 })
      await untilVoters(r, 'm2', ALL)
      await untilVoters(r, 'm1', ALL, '(the same cluster)')
    },
  )

  await t.test('a server that must not join is refused, and no other one is touched', async t => {
    const certificate = await r.text(
      'm1',
      'base64 -w 0 /var/lib/rancher/k3s/agent/client-kubelet.crt',
    )
    const refusals = [
      {
        // Machines of the lab share one clock: this one's date(1) is of another opinion.
        what: 'its clock is ahead',
        before: [
          'm3',
          `cp /usr/bin/date /etc/date; printf '#!/bin/sh\nexec /etc/date -d "+40 seconds" "$@"\n' >/etc/date.ahead; chmod +x /etc/date.ahead; mount --bind /etc/date.ahead /usr/bin/date`,
        ],
        says: /the clocks of the servers agree.*the clock of m[12] is \d+ s behind that of m3/,
        seconds: '2',
        after: ['m3', 'umount /usr/bin/date; ! systemctl is-enabled -q k3s'],
      },
      {
        what: 'it is a node under another name',
        before: [
          'm3',
          `mkdir -p /var/lib/rancher/k3s/agent; echo ${certificate} | base64 -d >/var/lib/rancher/k3s/agent/client-kubelet.crt`,
        ],
        says: /this machine is already the node m1 \(\/var\/lib\/rancher.*as m3 it would join a second time/,
        after: ['m3', 'rm -r /var/lib/rancher; ! test -e /etc/rancher/k3s/config.yaml'],
      },
      {
        what: 'its disk is full',
        before: [
          'm3',
          'mkdir -p /var/lib/rancher; mount -t tmpfs -o size=40k tmpfs /var/lib/rancher',
        ],
        says: /no space left on device.*make room on its disk/s,
        after: ['m3', 'systemctl stop k3s; umount /var/lib/rancher'],
      },
      {
        what: 'another machine has its name',
        before: [
          'a1',
          `systemctl stop k3s-agent; sed -e 's/^node-name: .*/node-name: m3/' -e '$adata-dir: /var/lib/rancher/stray' /etc/rancher/k3s/config.yaml >/etc/stray.yaml; [ ! -e /etc/rancher/k3s/config.yaml.d ] || cp -r /etc/rancher/k3s/config.yaml.d /etc/stray.yaml.d; systemd-run -q --unit=stray /usr/local/bin/k3s agent --config /etc/stray.yaml`,
        ],
        ready: async () =>
          /"address": ?"192\.168\.0\.24"/.test(
            (await r.on('m1', '/opt/bin/k3s kubectl get node m3 -o json')).stdout,
          ),
        says: /another machine runs as the node m3, at 192\.168\.0\.24/,
        after: [
          'a1',
          'systemctl stop stray; rm -r /etc/stray* /var/lib/rancher/stray; systemctl start k3s-agent',
        ],
      },
    ] as const
    await r.text('m3', WIPE)
    for (const host of ['m1', 'm2'])
      await until(() => serves(r, host), PATIENCE, `the others have a leader: ${host}`)
    await r.text('m1', '/opt/bin/k3s kubectl delete node m3')
    await untilVoters(r, 'm1', ['m1', 'm2'])
    const before = await pids('m1', 'm2')
    for (const { what, says, ...o } of refusals) {
      await r.text(...(o.before as [string, string]))
      if ('ready' in o) await until(o.ready, PATIENCE, what)
      const env = 'seconds' in o ? { FMC_GATE_SECONDS: o.seconds } : {}
      const refused = await r.fmcWith(env, ...CHANGED, '--limit', 'm3')
      const text = refused.stdout + refused.stderr
      t.equal(refused.code, 2, what)
      t.match(text, says, what)
      await r.text(...(o.after as [string, string]))
      await untilVoters(r, 'm1', ['m1', 'm2'], what)
    }
    t.strictSame(await pids('m1', 'm2'), before, 'the others did not even restart')
    await r.text('m1', '/opt/bin/k3s kubectl delete node m3')
  })

  await t.test('a wrong token: K3s’s own reason, and no other server is touched', async t => {
    await r.text('m3', WIPE)
    const other = join(dir, 'wrong/inventory.yaml')
    const refused = await inside(r, other, ...CHANGED, '--limit', 'm3')
    t.equal(refused.code, 2, refused.text)
    t.match(
      refused.text,
      /k3s\.service does not stay up \(.*: .*not authorized.*the token in the secrets file/,
    )
    await untilVoters(r, 'm1', ['m1', 'm2'], '(the others are a cluster without it)')
  })

  await t.test(
    'killed while it joins, runner and server: the next run makes three voters',
    { skip: onlyDouble('a learner that etcd does not promote') },
    async t => {
      const stall = 'mkdir -p /etc/k3s-double; touch /etc/k3s-double/promotion-stalls'
      await Promise.all(ALL.map(h => r.text(h, stall)))
      const runner = start(fmcInLab(inventory, ...CHANGED), {
        env: { FMC_LAB: r.name },
      })
      const learns = async () => (await voters(r, 'm1')).some(v => v.includes('learner=true'))
      await until(learns, 180, 'm3 is a learner')
      runner.kill('SIGKILL')
      await runner.end
      await kill(r.state, 'm3')
      await untilUnlocked(r, 'm1', 'm2', 'a1')
      const blocked = await inside(r, inventory, ...SITE, '--limit', 'm1,m2')
      t.equal(blocked.code, 2, 'no other server is restarted meanwhile')
      t.match(blocked.text, /m3 has not joined yet/)
      await Promise.all(['m1', 'm2'].map(h => r.text(h, 'rm /etc/k3s-double/promotion-stalls')))
      await r.powerOn()
      const done = await r.fmc(...CHANGED)
      t.equal(done.code, 0, done.failures.join('\n'))
      await untilVoters(r, 'm1', ALL)
    },
  )

  await t.test(
    'without a quorum, and without any data: it says why and touches nothing',
    async t => {
      await Promise.all(['m2', 'm3'].map(h => r.text(h, WIPE)))
      await until(async () => !(await serves(r, 'm1')), PATIENCE, 'm1 has noticed')
      const lost = await r.fmc(...CHANGED, '--dry-run')
      t.equal(lost.code, 2)
      t.match(
        lost.failures.join('\n'),
        /etcd has no quorum: m1: .*; m2: has no etcd data; m3: has no etcd data/,
      )
      await r.text('m1', WIPE)
      const gone = await r.fmc(...CHANGED, '--limit', 'k3s_servers')
      t.equal(gone.code, 2)
      t.match(
        gone.failures.join('\n'),
        /there has been a cluster: a1 has been a node of one; .*kubeconfig on this machine/,
      )
      t.strictSame(gone.changed, [])
    },
  )
  await t.test('failures at any step, then another run: one cluster, three voters', async t => {
    const agent = WIPE.replaceAll('k3s;', 'k3s-agent;').replace('k3s.service', 'k3s-agent.service')
    await Promise.all([
      ...ALL.map(h => r.text(h, `${DISK_LOST}; rm -rf /etc/k3s-double`)),
      r.text('a1', agent),
    ])
    rmSync(kubeconfig, { force: true })
    const began = performance.now()
    for (const { what, args, strikes } of PHASES) {
      for (const [host, task, blow] of strikes) {
        const run = start(fmcInLab(inventory, ...args), {
          env: { FMC_LAB: r.name },
        })
        await run.until(e => e.type === 'task' && e.host === host && e.task.startsWith(task))
        if (blow === 'kill') {
          await kill(r.state, host)
          t.not((await run.end).code, 0, `${host} lost its power at: ${task}`)
          await r.powerOn()
        } else {
          if (blow === 'cut') await cut(r.state, host)
          run.kill('SIGKILL')
          await run.end
          if (blow === 'wipe') await r.text(host, DISK_LOST)
          else {
            await sleep(LONGER_THAN_AN_ELECTION_MS)
            await heal(r.state, host)
          }
        }
        await untilUnlocked(r, ...ALL, 'a1')
      }
      const done = await r.fmc(...args)
      t.equal(done.code, 0, `${what} ${done.failures.join('\n')}`)
      for (const host of ALL) await untilVoters(r, host, ALL, what)
      t.strictSame((await r.fmc(...args)).changed, [], `${what}: nothing is left to do`)
    }
    const nodes = await r.text('m1', '/opt/bin/k3s kubectl get nodes --no-headers')
    t.strictSame(
      nodes.split('\n').map(line => line.split(/\s+/)[4]),
      Array(4).fill(NEXT),
    )
    t.comment(`${Math.round((performance.now() - began) / 1000)} s`)
  })
})
