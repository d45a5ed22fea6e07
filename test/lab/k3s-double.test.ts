// What the double of K3s promises, as a contract: with FMC_TEST_K3S the real K3s has to keep it.
import t from 'tap'
import { k3sVersions } from '../../lib/lab/doubles/k3s.ts'
import { enterLab, sshCommand } from '../../lib/lab/enter.ts'
import { rig, run, type Rig } from '../rig/lab.ts'
import { isRealK3s, k3sTimeout, NEEDS_PODS, onlyDouble } from '../rig/real-k3s.ts'
import { until } from '../rig/until.ts'

const ADDRESS = {
  master1: '10.17.4.21',
  master2: '10.17.4.22',
  master3: '10.17.4.23',
  worker1: '10.17.4.24',
} as const
type Name = keyof typeof ADDRESS

const FIRST = `https://${ADDRESS.master1}:6443`
const CONFIG = '/etc/rancher/k3s/config.yaml'

const serverConfig = (host: Name, more: string, token = 'right'): string => `token: ${token}
agent-token: agents
node-ip: ${ADDRESS[host]}
secrets-encryption: true
node-taint: ["node-role.kubernetes.io/control-plane=true:NoSchedule"]
${more}`

const unit = (kind: string): string => `[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
KillMode=process
TimeoutStartSec=0
Restart=always
RestartSec=1
ExecStart=/opt/bin/k3s ${kind}
`

/** The hosts of the lab with K3s on them. */
class Cluster {
  readonly rig: Rig
  constructor(r: Rig) {
    this.rig = r
  }

  async put(host: Name, file: string): Promise<void> {
    const to =
      'mkdir -p /opt/bin && cat >/opt/bin/k3s.new && chmod 755 /opt/bin/k3s.new && mv /opt/bin/k3s.new /opt/bin/k3s'
    const ssh = enterLab(this.rig.state, sshCommand(this.rig.state, host, [to]))
    const { code, stderr } = await run(['sh', '-c', `exec "$@" <${file}`, 'sh', ...ssh])
    if (code !== 0) throw new Error(stderr)
  }

  async install(host: Name, kind: 'server' | 'agent', config: string): Promise<void> {
    const { state } = this.rig
    await this.put(host, state.artifacts['k3s']!.path)
    await this.write(host, CONFIG, config)
    const name = kind === 'server' ? 'k3s' : 'k3s-agent'
    await this.write(host, `/etc/systemd/system/${name}.service`, unit(kind))
    await this.text(host, 'systemctl daemon-reload')
  }

  async write(host: Name, file: string, content: string): Promise<void> {
    await this.rig.on(host, `mkdir -p "$(dirname ${file})" && cat >${file}`, content)
  }

  text(host: Name, script: string): Promise<string> {
    return this.rig.text(
      host,
      `timeout ${PATIENCE} sh <<'END'\nPATH=$PATH:/opt/bin; ${script}\nEND`,
    )
  }

  kubectl(words: string, host: Name = 'master1') {
    return this.rig.on(host, `/opt/bin/k3s kubectl ${words}`)
  }

  /** Until a script succeeds; its last words otherwise. */
  async until(host: Name, script: string, seconds = PATIENCE): Promise<true | string> {
    const loop = `PATH=$PATH:/opt/bin; for i in $(seq ${seconds * 5}); do out=$(${script}) && exit 0; sleep 0.2; done; echo "$out"; exit 1`
    const { code, stdout, stderr } = await this.rig.on(host, loop)
    return code === 0 || stdout + stderr
  }

  /** A server in the foreground that is expected to give up. */
  async refused(host: Name, config: string): Promise<string> {
    await this.write(host, '/tmp/k3s.yaml', config)
    const { code, stderr } = await this.rig.on(
      host,
      'rm -rf /tmp/k3s; timeout 120 /opt/bin/k3s server --config /tmp/k3s.yaml --data-dir /tmp/k3s --write-kubeconfig /tmp/k3s/k.yaml',
    )
    if (code !== 1) return `exit ${code}`
    return stderr
  }

  async members(via: Name): Promise<string[]> {
    const tls = '/var/lib/rancher/k3s/server/tls/etcd'
    const list = await this.text(
      via,
      `ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert ${tls}/server-ca.crt --cert ${tls}/client.crt --key ${tls}/client.key member list`,
    )
    return list
      .split('\n')
      .map(line => line.split(', '))
      .map(
        ([, status, name, , , learner]) => `${name?.replace(/-[^-]*$/, '')} ${status} ${learner}`,
      )
      .sort()
  }

  /** A member is asked what it knows itself, and may learn of the last promotion a moment later than who was promoted. */
  async voters(expected: readonly string[], via: Name = 'master1'): Promise<void> {
    const name = `members: ${expected.join(', ')}`
    await until(async () => (await this.members(via)).join() === expected.join(), PATIENCE, name)
  }
}

const VOTERS = ['master1 started false', 'master2 started false', 'master3 started false']

const code = (path: string): string =>
  `curl -sk -m 3 -o /dev/null -w '%{http_code}' https://127.0.0.1:6443${path} || true`

/** Seconds until K3s does what the double does at once or after some seconds. */
const PATIENCE = isRealK3s ? 180 : 60

void t.test('the K3s double', { timeout: k3sTimeout(600_000) }, async t => {
  const r = await rig(t, 'test-k3sdouble', { hosts: ['hypervisor', ...Object.keys(ADDRESS)] })
  const c = new Cluster(r)
  t.equal(
    r.state.standIns.some(text => text.includes('stands in for K3s')),
    !isRealK3s,
    'the lab says whether it is a double',
  )
  await Promise.all([
    c.install('master1', 'server', serverConfig('master1', 'cluster-init: true')),
    c.install('master2', 'server', serverConfig('master2', `server: ${FIRST}`)),
    c.install('master3', 'server', serverConfig('master3', `server: ${FIRST}`)),
    c.install('worker1', 'agent', `server: ${FIRST}\ntoken: right\nnode-ip: ${ADDRESS.worker1}\n`),
  ])

  await t.test('a server starts a cluster', async t => {
    t.equal(await c.text('master1', code('/ping')), '000')
    await c.write('master1', '/etc/k3s-double/slow-start', '8')
    await c.text('master1', 'systemctl start --no-block k3s')
    t.equal(await c.until('master1', `test "$(${code('/readyz')})" = 503`), true)
    t.equal(await c.text('master1', code('/ping')), '200', 'ping says nothing about the API')
    t.equal(await c.until('master1', 'systemctl -q is-active k3s'), true)
    t.equal(await c.text('master1', code('/readyz')), '401')
    t.equal((await c.kubectl('get --raw /readyz')).stdout, 'ok')
    t.match(await c.text('master1', 'curl -s http://127.0.0.1:2381/health'), /"health":"true"/)
    await c.text('master1', 'rm -r /etc/k3s-double')
  })

  await t.test('servers and agents with a wrong token or configuration are refused', async t => {
    const join = (more: string, secret?: string) =>
      c.refused('master2', serverConfig('master2', `server: ${FIRST}\n${more}`, secret))
    const token = await c.text('master1', 'cat /var/lib/rancher/k3s/server/token')
    const other = token.replace(/(?<=^K10)[0-9a-f]{64}/, 'a'.repeat(64))
    t.match(await join('', 'wrong'), /not authorized/)
    t.match(await join('', other), /token CA hash does not match/)
    t.match(await join('flannel-backend: none'), /mismatched: flannel-backend/)
    t.match(await join('', 'agents'), /not authorized/)
  })

  const CLOCK = { skip: onlyDouble('a clock of its own for one machine') }
  await t.test('a server whose clock is a day late is refused', CLOCK, async t => {
    await c.write('master2', '/etc/k3s-double/clock-offset', '-86400')
    const text = await c.refused('master2', serverConfig('master2', `server: ${FIRST}`))
    t.match(text, /CA cert validation failed.*not yet valid/)
    await c.text('master2', 'rm -r /etc/k3s-double')
  })

  await t.test('two masters that join at once become voters one after the other', async t => {
    // The second master must find the first one still learning.
    await c.write('master1', '/etc/k3s-double/promotion-stalls', '')
    const log = 'journalctl -u k3s -o cat --no-pager'
    for (const host of ['master2', 'master3'] as const)
      await c.text(host, 'systemctl start --no-block k3s')
    await until(
      async () =>
        /too many learner members in cluster/.test(
          (await c.text('master2', log)) + (await c.text('master3', log)),
        ),
      PATIENCE,
      'one of them waits for the other',
    )
    await c.text('master1', 'rm -r /etc/k3s-double')
    await c.voters(VOTERS)
    for (const host of ['master2', 'master3'] as const)
      t.equal(await c.until(host, 'systemctl -q is-active k3s'), true)
  })

  await t.test('an agent needs the agents’ token, and a node its password', async t => {
    await c.text('worker1', 'systemctl start --no-block k3s-agent')
    const said = (text: string) => `journalctl -u k3s-agent -o cat --no-pager | grep -q '${text}'`
    t.equal(
      await c.until(
        'worker1',
        said('failed to retrieve configuration from server: not authorized'),
      ),
      true,
    )
    await c.text(
      'worker1',
      `sed -i 's/token: right/token: agents/' ${CONFIG}; systemctl restart k3s-agent`,
    )
    t.equal(await c.until('master1', 'k3s kubectl get node worker1 -o name'), true)
    await c.text(
      'worker1',
      'cp /etc/rancher/node/password /tmp; echo x >/etc/rancher/node/password',
    )
    await c.text('worker1', 'systemctl restart --no-block k3s-agent')
    t.equal(await c.until('worker1', said('Node password rejected')), true)
    await c.text('worker1', 'cp /tmp/password /etc/rancher/node/; systemctl restart k3s-agent')
  })

  await t.test(
    'a drain waits for budgets and leaves pods that it must not move',
    NEEDS_PODS,
    async t => {
      await c.write('master1', '/tmp/app.yaml', APP)
      await c.text('master1', 'k3s kubectl apply -f /tmp/app.yaml')
      const ready = 'test "$(k3s kubectl get deploy app -o jsonpath={.status.readyReplicas})" = 1'
      t.equal(await c.until('master1', ready), true)
      const drain = 'drain worker1 --ignore-daemonsets --delete-emptydir-data --timeout=2s'
      const blocked = await c.kubectl(drain)
      t.equal(blocked.code, 1)
      t.match(blocked.stderr, /disruption budget[^]*global timeout reached/)
      t.match((await c.kubectl('get nodes')).stdout, /worker1 +Ready,SchedulingDisabled/)
      await c.text('master1', 'k3s kubectl delete pdb app')
      t.equal((await c.kubectl(drain)).code, 0)
      const pending = 'k3s kubectl get pods -l app=app | grep -q Pending'
      t.equal(await c.until('master1', pending), true)
      await c.text('master1', 'k3s kubectl uncordon worker1')
      t.equal(await c.until('master1', ready), true)
    },
  )

  await t.test('without a quorum the API fails; with it all works again', async t => {
    await Promise.all([
      c.text('master2', 'systemctl kill -s KILL k3s; systemctl stop k3s'),
      c.text('master3', 'systemctl kill -s KILL k3s; systemctl stop k3s'),
    ])
    const { code, stderr } = await c.kubectl('get --raw /readyz')
    t.equal(code, 1)
    t.match(stderr, /etcd failed/)
    const start = (host: Name) => c.text(host, 'systemctl start k3s')
    await Promise.all([start('master2'), start('master3')])
    t.equal(await c.until('master1', 'k3s kubectl get --raw /readyz'), true)
  })

  await t.test('a node that is deleted leaves etcd, and joins again when it starts', async t => {
    await c.text('master1', 'k3s kubectl delete node master3')
    t.equal(await c.until('master1', 'k3s kubectl get node master3 -o name'), true)
    t.equal(await c.until('master3', 'systemctl -q is-active k3s'), true)
    await c.voters(VOTERS)
    t.ok(await c.text('master3', 'ls -d /var/lib/rancher/k3s/server/db/etcd-backup-*'))
  })

  await t.test('a Node waits for the holder of the lease that removes members', async t => {
    const holder = (
      await c.kubectl('-n kube-system get lease k3s-etcd -o jsonpath={.spec.holderIdentity}')
    ).stdout
    const names = Object.keys(ADDRESS) as Name[]
    const dead = names.find(n => n === holder)
    const via = names.find(n => n !== holder && n.startsWith('master'))
    if (dead === undefined || via === undefined) throw new Error(`the lease is ${holder}'s`)
    // It ends at once, and nobody takes its lease for the time that K3s's lease has.
    for (const host of names.filter(n => n.startsWith('master') && n !== dead))
      await c.write(host, '/etc/k3s-double/times', 'real')
    await c.text(dead, 'systemctl kill -s KILL k3s; systemctl stop k3s')
    t.equal(await c.until(via, 'k3s kubectl get --raw /readyz'), true)
    const soon = await c.kubectl(`delete node ${dead} --timeout=5s`, via)
    t.equal(soon.code, 1)
    t.match(soon.stderr, /timed out waiting for the condition on nodes\/master/)
    for (const host of names.filter(n => n.startsWith('master') && n !== dead))
      await c.text(host, 'rm -r /etc/k3s-double')
    // The lease may be taken, and the Node be gone, before it is asked for again.
    const again = await c.kubectl(`delete node ${dead} --timeout=90s --ignore-not-found`, via)
    t.equal(again.code, 0, again.stderr)
    // The founder must not found another one: it names a server to join.
    const config = await c.text(dead, `cat ${CONFIG}`)
    const join = serverConfig(dead, `server: https://${ADDRESS[via]}:6443`)
    await c.write(dead, CONFIG, join)
    // K3s moves the data of a member aside only if it ran when it was removed.
    await c.text(dead, 'rm -rf /var/lib/rancher/k3s/server/db/etcd; systemctl start --no-block k3s')
    t.equal(await c.until(dead, 'systemctl -q is-active k3s'), true)
    await c.voters(VOTERS, via)
    await c.write(dead, CONFIG, config)
  })

  await t.test('a master that lost its disk cannot join while its old member exists', async t => {
    await c.text('master3', 'systemctl stop k3s; rm -rf /var/lib/rancher/k3s/server/db')
    await c.text('master3', 'systemctl start --no-block k3s')
    const said = `journalctl -u k3s -o cat --no-pager | grep -q 'duplicate node name found'`
    t.equal(await c.until('master3', said), true)
    await c.text('master1', 'k3s kubectl delete node master3')
    t.equal(await c.until('master3', 'systemctl -q is-active k3s'), true)
    await c.voters(VOTERS)
  })

  await t.test(
    'another version',
    {
      skip:
        isRealK3s && otherRelease(r) === undefined
          ? 'needs two releases: FMC_TEST_K3S=/a:/b'
          : false,
    },
    async t => {
      const [version, file] = otherRelease(r) ?? ['', '']
      await c.put('worker1', file)
      t.match(await c.text('worker1', 'k3s --version'), `k3s version ${version} (`)
      await c.text('worker1', 'systemctl restart k3s-agent')
      const row = `k3s kubectl get nodes | grep -q 'worker1 *Ready.*${version}'`
      t.equal(await c.until('master1', row), true)
    },
  )

  const SICK = { skip: onlyDouble('a kubelet that says NotReady') }
  await t.test('an unhealthy kubelet', SICK, async t => {
    await c.write('worker1', '/etc/k3s-double/not-ready', 'PLEG is not healthy')
    await c.text('worker1', 'systemctl restart k3s-agent')
    const row = `k3s kubectl get nodes | grep -q 'worker1 *NotReady'`
    t.equal(await c.until('master1', row), true)
    await c.text('worker1', 'rm -r /etc/k3s-double')
    t.equal(await c.until('master1', `k3s kubectl get nodes | grep -q 'worker1 *Ready'`), true)
  })

  await t.test('a snapshot is restored only with its token', async t => {
    await c.write('master1', '/tmp/app.yaml', APP)
    await c.text('master1', 'k3s kubectl apply -f /tmp/app.yaml')
    const name = (await c.rig.on('master1', '/opt/bin/k3s etcd-snapshot save --name before')).stderr
    const file = /Snapshot (before-master1-\d+) saved/.exec(name)?.[1] ?? name
    const list = await c.text('master1', 'k3s etcd-snapshot ls -o json')
    t.equal((JSON.parse(list) as { items: unknown[] }).items.length, 1)
    await c.text('master1', 'k3s kubectl delete deploy app')
    const path = `/var/lib/rancher/k3s/server/db/snapshots/${file}`
    const stop = (host: Name) => c.text(host, 'systemctl stop k3s')
    await Promise.all([stop('master1'), stop('master2'), stop('master3')])
    const reset = `/opt/bin/k3s server --cluster-reset --cluster-reset-restore-path=${path}`
    const wrong = await c.rig.on('master1', `${reset} --token=wrong`)
    t.match(wrong.stderr, /encrypted with different token/)
    // K3s names what it moves aside by the second, and two resets may share one.
    await c.text('master1', 'rm -rf /var/lib/rancher/k3s/server/db/etcd-old-*')
    const done = await c.rig.on('master1', reset)
    if (!t.match(done.stderr, /membership has been reset, restart without --cluster-reset/)) return
    await c.text('master1', 'systemctl start k3s')
    await c.voters(VOTERS.slice(0, 1))
    t.match((await c.kubectl('get deploy app -o name')).stdout, 'deployment.apps/app')
    await c.text('master2', 'rm -rf /var/lib/rancher/k3s/server/db; systemctl start k3s')
    await c.voters(VOTERS.slice(0, 2))
  })

  const DAYS = { skip: onlyDouble('certificates that end soon') }
  await t.test('certificates have dates', DAYS, async t => {
    const check = async () =>
      (
        JSON.parse(await c.text('master2', 'k3s certificate check --output json 2>/dev/null')) as {
          Certificates: { Filename: string; Subject: string; Status: string; ExpiryTime: string }[]
        }
      ).Certificates.find(x => x.Subject === 'system:admin')!
    const before = await check()
    t.equal(before.Status, 'OK')
    await c.write('master2', '/etc/k3s-double/cert-days', '30')
    await c.text('master2', 'k3s certificate rotate && systemctl restart k3s')
    t.equal((await check()).Status, 'WARNING')
    await c.text('master2', 'rm -r /etc/k3s-double; systemctl restart k3s')
    t.equal((await check()).Status, 'OK', 'a start renews what ends within 120 days')
  })
})

/** A release besides the first one, with its program. */
const otherRelease = ({ state }: Rig): readonly [version: string, file: string] | undefined => {
  if (!isRealK3s) {
    const version = 'v1.37.1+k3s1'
    const hosts = new Map([['worker1', { vars: { k3s_version: version } } as never]])
    const [newer] = Object.values(k3sVersions({ hosts }, state.artifacts['k3s']))
    return newer && [version, newer.path]
  }
  const first = state.artifacts['k3s']?.version
  const newer = Object.values(state.artifacts).find(
    a => a.version.startsWith('v1.') && a.version !== first,
  )
  return newer && [newer.version, newer.path]
}

const APP = `apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  replicas: 1
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec: { containers: [{ name: c, image: x }], volumes: [{ name: tmp, emptyDir: {} }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: app }
spec: { minAvailable: 1, selector: { matchLabels: { app: app } } }
`
