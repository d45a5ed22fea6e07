import { join } from 'node:path'
import t from 'tap'
import { cut, heal } from '../../lib/lab/index.ts'
import { API, holders, inside, ROLE, WEB } from '../rig/balancers.ts'
import { proveRole, rig, ROOT } from '../rig/lab.ts'
import { until } from '../rig/until.ts'

const THREE = `
timezone: UTC
domain: lb.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, bridge: br0 }
vips:
  api: { address: ${API}, network: lan, vrid: 51, ports: [6443], backends: server, check: k3s, balancers: loadbalancers }
  web: { address: ${WEB}, network: lan, vrid: 52, ports: [80], backends: server, check: tcp, balancers: loadbalancers, preferred: lb2 }
groups:
  loadbalancers: { hosts: [lb1, lb2, lb3] }
  hypervisors: { hosts: [] }
hosts:
  lb1: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  lb2: { os: debian 12, nics: [{ network: lan, address: 192.168.0.31 }] }
  lb3: { os: debian 12, nics: [{ network: lan, address: 192.168.0.34 }] }
  server: { os: debian 12, nics: [{ network: lan, address: 192.168.0.50 }] }
`
/** The play as the site has it, and nothing else. */
const PLAYBOOK = `
import { play, playbook } from '${ROOT}/lib/index.ts'
import role, { holdersLast, oneVipHolder } from '${ROOT}/roles/${ROLE}/index.ts'
export default playbook('site', [
  play('Load balancers', { hosts: 'loadbalancers', roles: [role], serial: 1, order: holdersLast, invariant: oneVipHolder }),
])
`

t.test('one balancer becomes three, and then two', async t => {
  const dir = t.testdir({
    three: {
      'inventory.yaml': THREE,
      playbooks: {
        'site.ts': PLAYBOOK,
        'remove.ts': `export { default } from '${ROOT}/playbooks/remove.ts'`,
      },
    },
    one: {
      'inventory.yaml': THREE.replace('[lb1, lb2, lb3]', '[lb1]').replace(', preferred: lb2', ''),
      playbooks: { 'site.ts': PLAYBOOK },
    },
  })
  const inventory = join(dir, 'three/inventory.yaml')
  const names = ['lb1', 'lb2', 'lb3']
  const r = await rig(t, 'test-lb3', { inventory })

  const one = await inside(r, join(dir, 'one/inventory.yaml'), 'play', 'site')
  t.equal(one.code, 0, one.text)
  t.strictSame(await holders(r, API, names), ['lb1'], 'one alone holds its VIPs')

  const alone = await r.fmc('play', 'site', '--limit', 'lb3')
  t.equal(alone.code, 2, 'a new balancer does not begin before the holder knows it')
  t.match(alone.failures.join('\n'), /lb1 does not send its advertisements to lb3 yet/)
  t.strictSame(await holders(r, API, names), ['lb1'])

  const grown = await proveRole(t, r, 'play', 'site')
  const order = [...new Set(grown.tasks.filter(e => e.status === 'changed').map(e => e.host))]
  t.strictSame(order, ['lb1', 'lb2', 'lb3'], 'the holder first: it must know who is new')
  for (const vip of [API, WEB]) t.strictSame(await holders(r, vip, names), ['lb1'])

  await cut(r.state, 'lb1')
  await until(
    async () => (await holders(r, API, ['lb2', 'lb3'])).join() === 'lb2',
    4,
    'the one of higher priority takes over',
  )
  await heal(r.state, 'lb1')
  await until(async () => (await r.on('lb1', 'true')).code === 0, 30, 'lb1 is back')
  for (const vip of [API, WEB])
    await until(async () => (await holders(r, vip, names)).length === 1, 30, 'one holder')
  t.strictSame((await r.fmc('play', 'site')).changed, [])

  const [holder = ''] = await holders(r, API, names)
  const args = ['play', 'remove', '--limit', holder]
  const planned = await r.fmc(...args, '--dry-run')
  const stopped = [`${holder} remove/service haproxy`, `${holder} remove/service keepalived`]
  t.match(planned, { code: 0, changed: stopped }, planned.failures.join())
  const removed = await r.fmc(...args, '-e', `confirm=${holder}`)
  t.match(removed, { code: 0, changed: stopped, recap: { unpredicted: 0, unneeded: 0 } })
  const left = names.filter(name => name !== holder)
  await until(async () => (await holders(r, API, names)).length === 1, 30, 'one holder')
  t.strictSame(await holders(r, API, left), await holders(r, API, names), 'one of those that stay')
})
