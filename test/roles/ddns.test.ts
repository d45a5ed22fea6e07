import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { enterLab } from '../../lib/lab/enter.ts'
import { labSecret } from '../../lib/lab/secrets.ts'
import { proveRole, rig, ROOT } from '../rig/lab.ts'

const SERVER = 'http://192.168.0.1:8053'
const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
hosts:
  edge: { os: debian 12, nics: [{ network: lan, address: 192.168.0.30 }] }
  rocky: { os: rocky 9.5, nics: [{ network: lan, address: 192.168.0.31 }] }
  flatcar: { os: flatcar, nics: [{ network: lan, address: 192.168.0.32 }] }
all:
  vars:
    ddns_records: [{ name: home.example.org }]
    ddns_token: !secret cloudflare_token
    ddns_api: ${SERVER}/v4
    ddns_sources: ['${SERVER}/a', '${SERVER}/b']
`
const ROLE = ['role', 'ddns', 'edge']

void t.test('ddns in the lab', { timeout: 900_000 }, async t => {
  const inventory = join(t.testdir({}), 'inventory.yaml')
  writeFileSync(inventory, INVENTORY)
  const r = await rig(t, 'ddns', { inventory })
  const token = labSecret(r.state.dir, 'cloudflare_token')
  const [command = '', ...args] = enterLab(r.state, [
    process.execPath,
    join(ROOT, 'test/rig/cloudflare.js'),
    '192.168.0.1',
    '8053',
    token,
  ])
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => server.kill())
  await once(server.stdout, 'data')

  const curl = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await r.inLan('curl', '-sSf', ...words, `${SERVER}/control`)
    if (code !== 0) throw new Error(stderr)
    return stdout
  }
  const set = (state: object) => curl('-X', 'PUT', '--data', JSON.stringify(state))
  const told = async () =>
    JSON.parse(await curl()) as { asked: string[]; record: { content: string; proxied: boolean } }
  const edge = (script: string) => r.text('edge', script)
  /**
   * One look as the timer takes it, however many there have been in the last seconds (systemd would refuse the sixth):
   * its exit status and what it added to the journal.
   */
  const look = async (): Promise<{ code: number; log: string }> => {
    const { stdout } = await r.on(
      'edge',
      `told() { journalctl --sync; journalctl -q -o cat -t fmc-ddns; }
       n=$(told | wc -l); systemctl reset-failed fmc-ddns.service; systemctl start fmc-ddns.service; echo $?; told | tail -n +$((n + 1))`,
    )
    const [code, ...log] = stdout.trim().split('\n')
    return { code: Number(code), log: log.join('\n') }
  }

  // Of itself it would look a minute after the boot, in the middle of a look of the test's.
  await edge(
    `mkdir -p /etc/systemd/system/fmc-ddns.timer.d; printf '[Timer]\\nOnBootSec=\\nOnBootSec=1d\\n' >/etc/systemd/system/fmc-ddns.timer.d/later.conf`,
  )

  await t.test('the role updates the record; a second run changes nothing', async t => {
    const done = await proveRole(t, r, ...ROLE)
    t.match(done.changed.join('\n'), 'edge ddns/handler look at once')
    const { asked, record } = await told()
    t.strictSame(asked, [
      'GET /v4/zones?name=example.org',
      'GET /v4/zones/z1/dns_records?type=A&name=home.example.org',
      'PATCH /v4/zones/z1/dns_records/r1 {"content":"203.0.113.7"}',
    ])
    t.match(record, { content: '203.0.113.7', proxied: true })
    t.match(
      await edge('journalctl --sync; journalctl -q -o cat -t fmc-ddns'),
      'home.example.org: 198.51.100.1 -> 203.0.113.7',
    )
    t.equal(await edge('systemctl is-active fmc-ddns.timer'), 'active')
    t.equal(
      await edge('stat -c "%a %U" /etc/fmc/ddns-authorization'),
      '600 root',
      'the token is for root alone',
    )
    t.notMatch(JSON.stringify(done.events), token)
  })

  await t.test(
    'an address that is right is left alone, one that has changed is patched',
    async t => {
      await set({})
      t.strictSame(await look(), { code: 0, log: '' })
      t.notMatch((await told()).asked.join('\n'), 'PATCH')
      await set({ a: '203.0.113.8', b: '203.0.113.8' })
      t.strictSame(await look(), { code: 0, log: 'home.example.org: 203.0.113.7 -> 203.0.113.8' })
      await set({ content: '203.0.113.7' })
    },
  )

  const faults: readonly (readonly [string, object, RegExp])[] = [
    ['zone', { fault: 'zone' }, /the token sees no zone example\.org/],
    ['record', { fault: 'record' }, /home\.example\.org has 0 A records at Cloudflare/],
    ['5xx', { fault: 'trouble' }, /Cloudflare has trouble: HTTP 503 .*nothing is changed/],
    ['an answer that is none', { fault: 'garbage' }, /answer to GET .* is not understood/],
    [
      'sources that disagree',
      { b: '203.0.113.9' },
      /the sources disagree: .*\/a says 203\.0\.113\.7, .*\/b says 203\.0\.113\.9; nothing is changed/,
    ],
    ['a source that is down', { b: '' }, /cannot ask .*\/b for the address: .*500/],
    ['a private address', { a: '192.168.0.30' }, /\/a does not answer with a public IPv4 address/],
    [
      'a page instead',
      { a: '<html>$(reboot)' },
      /does not answer with a public IPv4 address: <html>/,
    ],
    ['two lines', { a: '203.0.113.7\n203.0.113.8' }, /does not answer with a public IPv4/],
  ]
  for (const [name, state, message] of faults)
    await t.test(`${name}: says so, fails, changes nothing`, async t => {
      await set({ content: '198.51.100.1', ...state })
      const { code, log } = await look()
      t.equal(code, 1)
      t.match(log, message)
      const { asked, record } = await told()
      t.notMatch(asked.join('\n'), 'PATCH')
      t.equal(record.content, '198.51.100.1')
    })

  await t.test('a rate limit is kept: Cloudflare is not asked again before its time', async t => {
    await set({ fault: 'limit' })
    t.match(await look(), { code: 1, log: /HTTP 429, not asked again for 120 s/ })
    await set({})
    t.match(await look(), { code: 1, log: /not asked again for \d+ s/ })
    t.strictSame((await told()).asked, [])
    await edge('echo 1 >/var/lib/private/fmc-ddns/not-before')
    t.equal((await look()).code, 0, 'and then it is')
  })

  await t.test('a bad token: the journal and the gate say so', async t => {
    await edge('echo "Authorization: Bearer wrong" >/etc/fmc/ddns-authorization')
    t.match(await look(), { code: 1, log: /refuses the token: HTTP 403 9109 Invalid access token/ })
    const planned = await r.fmc(...ROLE, '--dry-run')
    t.strictSame(planned.changed, [
      'edge ddns/file /etc/fmc/ddns-authorization',
      'edge ddns/handler look at once',
    ])
    await set({ fault: 'trouble' })
    const broken = await r.fmcInVain(...ROLE)
    t.equal(broken.code, 2)
    t.match(broken.failures.join('\n'), /Cloudflare has trouble: HTTP 503/)
    await set({})
    t.equal((await look()).code, 0)
    t.equal((await r.fmc(...ROLE)).code, 0)
  })

  for (const host of ['rocky', 'flatcar'])
    await t.test(`${host}: the same on a new host and after a manual change`, async t => {
      await set({ content: '198.51.100.1' })
      const role = ['role', 'ddns', host]
      await proveRole(t, r, ...role)
      t.equal((await told()).record.content, '203.0.113.7')
      await r.text(host, 'systemctl disable -q --now fmc-ddns.timer')
      const mended = await proveRole(t, r, ...role)
      t.strictSame(mended.changed, [`${host} ddns/service fmc-ddns.timer`])
    })

  await t.test('without records the timer is stopped', async t => {
    const done = await proveRole(t, r, ...ROLE, '-e', 'ddns_records=[]')
    t.strictSame(done.changed, ['edge ddns/service fmc-ddns.timer'])
    t.equal((await r.on('edge', 'systemctl is-active fmc-ddns.timer')).stdout.trim(), 'inactive')
  })
})
