// Ingress, Longhorn and add-ons on one small cluster, with the plays as the site has them.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { labSecret } from '../../lib/lab/secrets.ts'
import { inside } from '../rig/balancers.ts'
import { proveRole, rig, ROOT, type FmcRun } from '../rig/lab.ts'
import { NEEDS_PODS } from '../rig/real-k3s.ts'
import { until } from '../rig/until.ts'

const WEB = '192.168.0.33'
const INVENTORY = `
timezone: UTC
domain: charts.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, bridge: br0 }
  kube: { cidr: 10.17.4.0/24, mode: open, gateway: 10.17.4.1, router: router }
vips:
  web: { address: ${WEB}, network: lan, vrid: 52, ports: [80, 443], backends: workers, proxy_protocol: true, balancers: loadbalancers }
groups:
  loadbalancers: { hosts: [lb1] }
  k3s_servers:
    hosts: [s1]
    vars: { k3s_token: !secret k3s_token, k3s_node_taints: ['node-role.kubernetes.io/control-plane=true:NoSchedule'] }
  workers:
    hosts: [w1, w2]
    vars: { k3s_node_labels: { svccontroller.k3s.cattle.io/enablelb: 'true' } }
  k3s_agents: { children: [workers] }
  databases: { hosts: [] }
  hypervisors: { hosts: [] }
  k3s_cluster:
    children: [k3s_servers, k3s_agents]
    vars:
      k3s_version: v1.36.3+k3s1
      k3s_agent_token: !secret k3s_agent_token
      longhorn_replicas: 2
hosts:
  router: { os: debian 12, nics: [{ network: lan, address: 192.168.0.40 }] }
  lb1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  s1: { os: flatcar, nics: [{ network: kube, address: 10.17.4.21 }] }
  w1: { os: flatcar, memory: 8GB, disks: [{ name: data, size: 1GB }], nics: [{ network: kube, address: 10.17.4.24 }] }
  w2: { os: flatcar, memory: 8GB, disks: [{ name: data, size: 1GB }], nics: [{ network: kube, address: 10.17.4.25 }] }
`
const PLAYBOOK = `
import { play, playbook } from '${ROOT}/lib/index.ts'
import addons from '${ROOT}/roles/addons/index.ts'
import balancers from '${ROOT}/roles/haproxy-keepalived/index.ts'
import agent from '${ROOT}/roles/k3s-agent/index.ts'
import server from '${ROOT}/roles/k3s-server/index.ts'
import longhorn, { longhornHealthy } from '${ROOT}/roles/longhorn/index.ts'
import traefik from '${ROOT}/roles/traefik/index.ts'
export default playbook('site', [
  play('K3s servers', { hosts: 'k3s_servers', roles: [server], serial: 1 }),
  play('Ingress', { hosts: 'k3s_servers', roles: [traefik] }),
  play('Load balancers', { hosts: 'loadbalancers', roles: [balancers], serial: 1 }),
  play('K3s agents', { hosts: 'k3s_agents', roles: [agent] }),
  play('Longhorn nodes', { hosts: 'workers', roles: [longhorn], serial: 1, invariant: longhornHealthy }),
  play('Longhorn', { hosts: 'k3s_servers', roles: [longhorn] }),
  play('Ingress on the workers', { hosts: 'k3s_servers', roles: [traefik] }),
  play('Add-ons', { hosts: 'k3s_servers', roles: [addons] }),
])
`

const VOLUME = (robustness: string) => `
apiVersion: longhorn.io/v1beta2
kind: Volume
metadata: { name: pvc-1, namespace: longhorn-system }
spec: { numberOfReplicas: 2 }
status: { state: attached, robustness: ${robustness}, kubernetesStatus: { namespace: shop, pvcName: data } }
`

/** A volume that is whole with its one copy, on w1. */
const LAST_COPY = `
apiVersion: longhorn.io/v1beta2
kind: Volume
metadata: { name: pvc-2, namespace: longhorn-system }
spec: { numberOfReplicas: 1 }
status: { state: attached, robustness: healthy }
---
apiVersion: longhorn.io/v1beta2
kind: Replica
metadata: { name: pvc-2-r-1, namespace: longhorn-system }
spec: { volumeName: pvc-2, nodeID: w1 }
`

/** A volume that is whole, with a copy on each worker. */
const TWO_COPIES = `
${LAST_COPY.replaceAll('pvc-2', 'pvc-3').replace('numberOfReplicas: 1', 'numberOfReplicas: 2')}---
apiVersion: longhorn.io/v1beta2
kind: Replica
metadata: { name: pvc-3-r-2, namespace: longhorn-system }
spec: { volumeName: pvc-3, nodeID: w2 }
---`
/** Faults that the double plays. */
const DOUBLE = (data: string) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: k3s-double, namespace: kube-system }
data: { ${data} }
`
/** Longhorn has not yet seen that w1 is cordoned. */
const LAGS = DOUBLE('longhorn-lags: w1')

const OPTIONS = { timeout: 900_000, ...NEEDS_PODS }

void t.test('a cluster with one server and two workers', OPTIONS, async t => {
  const dir = t.testdir({
    'inventory.yaml': INVENTORY,
    'off.yaml': INVENTORY.replace('proxy_protocol: true, ', ''),
    'redis.yaml': INVENTORY.replace(
      'longhorn_replicas: 2',
      'longhorn_replicas: 2\n      addons: { redis: { password: !secret redis_password } }',
    ),
    playbooks: { 'site.ts': PLAYBOOK },
  })
  const r = await rig(t, 'test-charts', { inventory: join(dir, 'inventory.yaml') })
  const kubectl = (words: string, input = '') => r.on('s1', `/opt/bin/k3s kubectl ${words}`, input)
  const addons = (value: object, ...more: string[]) =>
    r.fmc('role', 'addons', 's1', '-e', JSON.stringify({ addons: value }), ...more)
  const said = (run: FmcRun) => run.failures.join('\n')
  /** Longhorn makes a budget for each node with copies some time after these. */
  const budgets = async (count: number) => {
    const { code, stdout } = await kubectl('-n longhorn-system get poddisruptionbudgets -o name')
    return code === 0 && stdout.split('\n').filter(Boolean).length === count
  }
  const waiting = (run: FmcRun) =>
    run.tasks.flatMap(e => [e.failure?.message ?? '', e.note ?? '']).join('\n')

  await t.test('a new cluster: exactly as predicted, then nothing to do', async t => {
    await proveRole(t, r, 'play', 'site')
    t.equal(
      await r.text(
        'w1',
        'findmnt -no FSTYPE,TARGET /mnt/longhorn-disk; blkid -s LABEL -o value /dev/vdb',
      ),
      'ext4   /mnt/longhorn-disk\nlonghorn',
    )
    t.match(
      await r.text('w2', 'cat /etc/iscsi/initiatorname.iscsi'),
      'iqn.2004-10.internal.charts:w2',
    )
  })

  await t.test('pages see the client’s address through balancer and ingress', async t => {
    for (const url of [`http://${WEB}/`, `https://${WEB}/`]) {
      let page = ''
      // haproxy finds workers that came after it with its next checks.
      const served = async () =>
        (page = (await r.inNetworkOf('w1', 'curl', '-sk', '-m', '5', url)).stdout) !== ''
      await until(served, 60, `somebody answers on ${url}`)
      t.match(page, /client 10\.17\.4\.24$/m, url)
    }
  })

  await t.test('a balancer waits until its backends understand the PROXY protocol', async t => {
    await r.text(
      'lb1',
      "sed -i 's/send-proxy-v2 check-send-proxy //' /etc/haproxy/haproxy.cfg; systemctl reload haproxy",
    )
    const config = await r.text(
      's1',
      '/opt/bin/k3s kubectl -n kube-system get helmchartconfig traefik -o json',
    )
    await kubectl(
      `-n kube-system patch helmchartconfig traefik --type=merge -p '{"spec":{"valuesContent":"{}"}}'`,
    )
    t.match(config, 'trustedIPs')
    // One worker's Traefik is told before the other's.
    const both = /10\.17\.4\.24:443, .*10\.17\.4\.25:443, .*would not understand the PROXY protocol/
    const deaf = async () =>
      both.test(waiting(await r.fmc('role', 'haproxy-keepalived', 'lb1', '--dry-run')))
    await until(deaf, 60, 'a balancer sees that neither worker understands')
    const drift = await r.fmc('role', 'traefik', 's1', '--dry-run', '--exit-code')
    t.strictSame(
      drift.changed,
      ['s1 traefik/manifest traefik in the cluster'],
      'what somebody patched is seen',
    )
    const done = await r.fmc('play', 'site')
    t.match(done.recap, { failed: 0, unpredicted: 0, unneeded: 0 })
    t.strictSame(
      done.changed.map(c => c.replace(/^\S+ /, '')),
      [
        'haproxy-keepalived/file /etc/haproxy/haproxy.cfg',
        'haproxy-keepalived/handler reload haproxy',
        'traefik/manifest traefik in the cluster',
      ],
    )

    const off = await inside(r, join(dir, 'off.yaml'), 'role', 'traefik', 's1', '--dry-run')
    t.match(
      off.text,
      /lb1 still does; first run: fmc play --lab -i \S+off\.yaml site --tags loadbalancers/,
    )
  })

  await t.test('a worker is not touched while a volume lacks a copy', async t => {
    const touch = () => r.text('w1', 'rm -f /etc/modules-load.d/fmc-dm_crypt.conf')
    const site = () => r.fmc('play', 'site', '--limit', 'w1')
    for (const [robustness, expected] of [
      ['degraded', /pvc-1 of shop\/data is degraded/],
      ['faulted', /pvc-1 of shop\/data is faulted/],
    ] as const) {
      await kubectl('apply -f -', VOLUME(robustness))
      await touch()
      const refused = await site()
      t.equal(refused.code, 2, robustness)
      t.match(said(refused), expected)
      t.strictSame(refused.changed, [], 'nothing is changed')
    }
    await kubectl('apply -f -', VOLUME('healthy'))
    const done = await site()
    t.equal(done.code, 0, said(done))
    t.strictSame(done.changed, ['w1 longhorn/file /etc/modules-load.d/fmc-dm_crypt.conf'])
  })

  await t.test('no reboot of a node that has the last copy of a volume', async t => {
    const boot = () => r.text('w1', 'cat /proc/sys/kernel/random/boot_id')
    const before = await boot()
    const reboot = () =>
      r.fmc('play', 'reboot', '--limit', 'workers', '-e', 'reboot_drain_seconds=3')
    await kubectl('apply -f -', VOLUME('degraded'))
    const early = await reboot()
    t.equal(early.code, 2)
    t.match(said(early), /pvc-1 of shop\/data is degraded/, 'not begun: a copy is missing')
    t.strictSame(early.changed, [])
    t.not(readdirSync(join(r.state.dir, 'jobs')).length, 0, 'the lab remembers it, not the machine')

    // Whole, but there is one copy, so that Longhorn itself holds the drain up.
    await kubectl('delete -f -', VOLUME('degraded'))
    await kubectl('apply -f -', LAST_COPY)
    await until(() => budgets(1), 30, 'Longhorn protects the last copy')
    const held = await reboot()
    t.equal(held.code, 2)
    t.match(
      said(held),
      /drain w1[^]*evicting pods\/\S*instance-manager[^]*nothing was evicted by force/,
    )
    t.strictSame(
      held.tasks.map(e => `${e.host} ${e.task}`).filter(task => /uncordon|w2/.test(task)),
      ['s1 uncordon w1'],
      'it takes pods again, and the other worker was not begun',
    )
    t.notMatch((await kubectl('get nodes')).stdout, 'SchedulingDisabled')
    t.equal(await boot(), before)
    await kubectl('delete -f -', LAST_COPY)
  })

  await t.test('a volume loses its other copy in the middle of a drain', async t => {
    const boot = () => r.text('w1', 'cat /proc/sys/kernel/random/boot_id')
    const before = await boot()
    await until(() => budgets(0), 30, 'Longhorn has forgotten the copy of the test before')
    await kubectl('apply -f -', `${TWO_COPIES}${LAGS}`)
    await until(() => budgets(2), 30, 'Longhorn protects both copies')
    const reboot = r.fmc('play', 'reboot', '--limit', 'w1', '-e', 'reboot_drain_seconds=8')
    const cordoned = async () =>
      (await kubectl('get node w1')).stdout.includes('SchedulingDisabled')
    await until(cordoned, 60, 'w1 is being drained')
    await kubectl(
      `-n longhorn-system patch replicas.longhorn.io pvc-3-r-2 --type=merge -p '{"spec":{"failedAt":"now"}}'`,
    )
    await kubectl('delete -f -', LAGS)
    const held = await reboot
    t.equal(held.code, 2)
    t.match(
      said(held),
      /drain w1[^]*evicting pods\/\S*instance-manager[^]*nothing was evicted by force/,
    )
    t.ok(held.tasks.some(e => e.task === 'uncordon w1' && e.status === 'changed'))
    t.equal(await cordoned(), false)
    t.equal(await boot(), before)
    await kubectl('delete -f -', TWO_COPIES)
  })

  await t.test('Longhorn: no skipped minor version, no downgrade', async t => {
    for (const [version, expected] of [
      ['1.14.0', /one minor at a time, 1\.13 comes first/],
      ['1.11.3', /cannot go back/],
      ['2.0.0', /another major/],
    ] as const) {
      const run = await r.fmc('role', 'longhorn', 's1', '-e', `longhorn_version=${version}`)
      t.equal(run.code, 2, version)
      t.match(said(run), expected)
      t.strictSame(run.changed, [])
    }
  })

  await t.test('a disk that Longhorn had before is reported as drift', async t => {
    const patch = (allow: boolean, path: string) =>
      kubectl(
        `-n longhorn-system patch nodes.longhorn.io w2 --type=merge -p '${JSON.stringify({ spec: { disks: { 'fmc-data': { path, allowScheduling: allow } } } })}'`,
      )
    await patch(true, '/var/lib/longhorn')
    const moved = await r.fmc('role', 'longhorn', 's1', '--dry-run')
    t.match(
      waiting(moved),
      /drift: w2 has the disks \/var\/lib\/longhorn .* not \/mnt\/longhorn-disk/,
    )
    await patch(true, '/mnt/longhorn-disk')
    t.notMatch(waiting(await r.fmc('role', 'longhorn', 's1', '--dry-run')), 'drift')
  })

  await t.test(
    'an add-on is installed, kept as declared, reported when it fails, and removed',
    async t => {
      const dashboard = JSON.stringify({ addons: { dashboard: { host: 'k8s.charts.internal' } } })
      const done = await proveRole(t, r, 'role', 'addons', 's1', '-e', dashboard)
      t.strictSame(done.changed, [
        's1 addons/file /var/lib/rancher/k3s/server/manifests/fmc-addon-dashboard.yaml',
      ])

      t.match(said(await addons({})), /dashboard: installed, but no longer in addons/)

      const bare = await addons({ dashboard: {}, sealed_secrets: {} }, '--dry-run')
      t.equal(bare.code, 1, 'without a key there are no sealed secrets')

      const failed = await addons({ dashboard: { values: { replicaCount: 'two' } } })
      t.equal(failed.code, 2, 'a chart that cannot be installed ends the wait')
      t.match(
        said(failed),
        /helm could not install dashboard \(\d+ tries\): UPGRADE FAILED: .*cannot unmarshal string/,
      )

      // What `kubectl scale` does.
      await kubectl(
        `-n headlamp patch deployment dashboard --type=merge -p '{"spec":{"replicas":5}}'`,
      )
      const repaired = await addons({ dashboard: { values: { replicaCount: 2 } } })
      t.equal(repaired.code, 0, said(repaired))
      t.equal(
        (await kubectl('-n headlamp get deployment dashboard -o jsonpath={.spec.replicas}')).stdout,
        '2',
        'corrected in the inventory, repaired by the next run, over what somebody scaled by hand',
      )

      await kubectl('apply -f -', DOUBLE('helm-lags: dashboard'))
      const early = addons({ dashboard: { values: { replicaCount: 3 } } })
      const written = async () =>
        (
          await kubectl('-n kube-system get helmchart dashboard -o jsonpath={.spec.valuesContent}')
        ).stdout.includes('replicaCount: 3')
      await until(written, 60, 'the chart is changed, and helm-controller has not seen it')
      await kubectl('delete -f -', DOUBLE('helm-lags: dashboard'))
      t.equal((await early).code, 0)
      t.equal(
        (await kubectl('-n headlamp get deployment dashboard -o jsonpath={.spec.replicas}')).stdout,
        '3',
        'the old job, complete, was not taken for the new one',
      )

      const watched = { dashboard: { values: { replicaCount: 3 } }, monitoring: {} }
      const kinds = await addons(watched)
      t.equal(kinds.code, 0, said(kinds))
      t.strictSame(
        kinds.changed.map(c => c.replace(/^.*fmc-addon-/, '')),
        ['monitoring-kinds.yaml', 'monitoring.yaml'],
        'the kinds come before their chart',
      )
      await kubectl('-n kube-system delete job fmc-crds-monitoring-88-5-3')
      t.strictSame(
        (await addons(watched)).changed,
        ['s1 addons/manifest addon-monitoring-kinds in the cluster'],
        'a job that somebody deleted runs again',
      )

      const gone = await addons({ dashboard: { state: 'absent' }, monitoring: { state: 'absent' } })
      t.equal(gone.code, 0, said(gone))
      t.strictSame(gone.changed.toSorted(), [
        's1 addons/add-on dashboard uninstalled',
        's1 addons/add-on monitoring uninstalled',
        's1 addons/no other manifest addon-*',
      ])
      t.notMatch((await kubectl('get helmcharts.helm.cattle.io -A -o name')).stdout, 'dashboard')
      t.strictSame((await addons({ dashboard: { state: 'absent' } })).changed, [])
      t.equal((await addons({})).code, 0)
    },
  )

  await t.test('a password reaches the cluster and nothing else', async t => {
    const run = await inside(r, join(dir, 'redis.yaml'), 'role', 'addons', 's1', '--diff')
    t.equal(run.code, 0, run.text)
    const password = labSecret(r.state.dir, 'redis_password')
    const file = '/var/lib/rancher/k3s/server/manifests/fmc-addon-redis-secrets.yaml'
    t.match(await r.text('s1', `stat -c %a ${file}; cat ${file}`), `600\n# Managed`)
    t.match((await kubectl('-n redis get secret redis-users -o json')).stdout, /"default": "/)
    t.match(await r.text('s1', `cat ${file}`), password)
    t.notMatch(run.text, password)
  })
})
