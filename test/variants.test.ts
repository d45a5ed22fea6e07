// Architecture 2 in the lab, with only the hosts that the way from the Internet goes by: a VPS as the gateway, the house
// behind a tunnel, three balancers. No K3s: servers of this test stand in for its API and for Traefik on a worker.
import { join } from 'node:path'
import t from 'tap'
import { kill } from '../lib/lab/index.ts'
import { holders } from './rig/balancers.ts'
import { HOUSE, internet } from './rig/internet.ts'
import { proveRole, rig, ROOT } from './rig/lab.ts'
import { apiServer, certificate, plainWebServer, serve } from './rig/serve.ts'
import { until } from './rig/until.ts'

const VPS = '203.0.113.10'
const API = '10.17.5.10'
const WEB = '10.17.5.30'
const BALANCERS = ['k8s-api-lb', 'loadbalancer1', 'loadbalancer2']
const EDGE = ['hypervisor', 'vps']
const CURL = ['curl', '-sk', '-m', '3', '--connect-timeout', '1']

void t.test('a VPS in front, reached by a tunnel', { timeout: 900_000 }, async t => {
  const r = await rig(t, 'variants', {
    inventory: join(ROOT, 'test/inventories/architecture-2.yaml'),
    hosts: [...EDGE, ...BALANCERS, 'master1', 'worker1'],
  })
  const outside = await internet(t, r, { nft: 'worker1' })
  const asked = async (url: string): Promise<string> => (await outside(...CURL, url)).stdout
  await serve(t, r, 'master1', apiServer(await certificate(t), 'master1', 401))
  await serve(t, r, 'worker1', plainWebServer('worker1'))

  await t.test('from nothing', async t => {
    const done = await proveRole(t, r, 'play', 'site', '--limit', [...EDGE, ...BALANCERS].join())
    for (const host of EDGE)
      t.ok(done.changed.includes(`${host} wireguard/service wg-quick@wg0`), `${host} is configured`)
    t.match(
      await r.text('vps', 'wg show wg0 endpoints'),
      /\t203\.0\.113\.254:/,
      "the house dials: the VPS knows its router's address only",
    )
  })

  await t.test('from the Internet to the web, by the VPS, the tunnel and a balancer', async () => {
    for (const port of [80, 443])
      await until(
        async () => /^worker1 10\.17\.5\./.test(await asked(`http://${VPS}:${port}/`)),
        30,
        `the web answers on port ${port}`,
      )
  })

  await t.test('from there the API of K3s is not to be had, nor anything of the house', async t => {
    await until(
      async () =>
        (
          await r.inLan(...CURL, '-w', '%{http_code}', `https://${API}:6443/readyz`)
        ).stdout.endsWith('401'),
      30,
      'it is there',
    )
    for (const [address, port] of [
      [VPS, 6443],
      [API, 6443],
      ['10.17.4.21', 6443],
      [WEB, 80],
      ['192.168.0.15', 22],
      [HOUSE, 80],
    ] as const) {
      const { stderr } = await outside('curl', '-sv', '-m', '1', `telnet://${address}:${port}`)
      t.notMatch(stderr, /Connected to/, `${address}:${port}`)
    }
    t.not((await r.on('vps', `curl -sk -m 1 https://${API}:6443/`)).code, 0, 'nor from the VPS')
  })

  await t.test('two of three balancers may lose their power', async t => {
    let left = BALANCERS
    for (const nth of ['first', 'second']) {
      const [holder = ''] = await holders(r, WEB, left)
      left = left.filter(b => b !== holder)
      const start = performance.now()
      await kill(r.state, holder)
      await until(
        async () =>
          (await outside('curl', '-s', '-m', '0.3', `http://${VPS}/`)).stdout.startsWith('worker1'),
        10,
        'the web answers again',
      )
      const ms = Math.round(performance.now() - start)
      t.comment(`${nth}, ${holder}: the web answered again after ${ms} ms`)
      t.ok(ms < 4000, `within 4 s: ${ms} ms`)
      // Two may take it at the same moment, until they hear each other.
      await until(
        async () => (await holders(r, WEB, left)).length === 1,
        30,
        'one of those left holds the address',
      )
    }
  })
})
