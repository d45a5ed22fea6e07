// What a K3s server tells of the cluster, with the whole engine in this process; k3s, curl and etcdctl are scripts.
import t, { type Test } from 'tap'
import { serverHealth, type ServerHealth } from '../../roles/health/cluster.ts'
import { Hosts, one, tasks } from '../engine/hosts.ts'

const NODES = { items: [] }
const PODS = {
  items: [
    {
      metadata: { namespace: 'web', name: 'shop' },
      spec: { nodeName: 'w1' },
      status: { phase: 'Failed', reason: 'Evicted' },
    },
  ],
}
const TOO_MUCH = `head -c ${17 * 1024 ** 2} /dev/zero | tr '\\0' x`
const json = (value: unknown): string => `echo '${JSON.stringify(value)}'`

/** Asks a healthy server whose kubectl runs these scripts. */
async function health(
  t: Test,
  { pods = json(PODS), events = json({ items: [] }), volumes = json({ items: [] }) },
): Promise<ServerHealth | undefined> {
  const hosts = new Hosts(t)
  hosts.program('a', 'curl', `echo '{"health":"true"}'`)
  hosts.program('a', 'etcdctl', "echo '1, started, a, https://10.0.0.10:2380, x, false'")
  hosts.program(
    'a',
    'systemctl',
    '[ "$1" != show ] || printf \'ActiveState=active\\nSubState=running\\nNRestarts=0\\n\'',
  )
  hosts.program(
    'a',
    'k3s',
    `case "$*" in
  *readyz*) echo ok ;;
  *'get nodes'*) ${json(NODES)} ;;
  *'get pods'*) ${pods} ;;
  *'get events'*) ${events} ;;
  *longhorn*) ${volumes} ;;
esac`,
  )
  let found: ServerHealth | undefined
  const ran = await hosts.run([
    one(
      tasks(async () => {
        found = await serverHealth(60)
      }),
      { hosts: 'a' },
    ),
  ])
  t.strictSame(ran.failures, [])
  return found
}

void t.test('more than fmc reads leaves that part unknown, and the rest known', async t => {
  const sound = await health(t, {})
  t.match(sound, { state: { healthy: true }, unasked: [], pods: 1, volumes: 0 })
  t.strictSame(sound?.sickPods, ['web/shop: Evicted on w1'])

  const events = await health(t, { events: TOO_MUCH })
  t.match(events, { pods: 1, volumes: 0, unasked: [/^events: .* printed more than /] })
  t.strictSame(events?.sickPods, ['web/shop: Evicted on w1'])

  const pods = await health(t, { pods: `${TOO_MUCH}; ${TOO_MUCH}` })
  t.match(pods, { state: { healthy: true }, pods: 0, unasked: { length: 2 } })
  t.match(pods?.unasked.join('\n'), /^pods: .* printed more than /m)
})
