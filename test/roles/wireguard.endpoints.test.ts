// Endpoints by name are looked up again when the handshake is old. wg(8) and date(1) are scripts of the test.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isName, lookUpScript } from '../../roles/wireguard/endpoints.ts'

const [OLD, FRESH, NEVER, FIXED, DEVICE] = ['old=', 'fresh=', 'never=', 'fixed=', 'device=']
/** Before that handshake the clock was an hour ahead. */
const FUTURE = 'future='
const CONF = `# Managed by fmc
[Interface]
Address = 10.17.0.2/24
PrivateKey = hush

# peer hub
[Peer]
PublicKey = ${OLD}
PresharedKey = hush
AllowedIPs = 10.17.0.0/24
Endpoint = vpn.example.net:51820
PersistentKeepalive = 25

# peer a
[Peer]
PublicKey = ${FRESH}
AllowedIPs = 10.17.0.3/32
Endpoint = a.example.net:51820

# peer b
[Peer]
PublicKey = ${NEVER}
AllowedIPs = 10.17.0.4/32
Endpoint = 1.example.net:51820

# peer c
[Peer]
PublicKey = ${FIXED}
AllowedIPs = 10.17.0.5/32
Endpoint = 198.51.100.7:51820

# peer e
[Peer]
PublicKey = ${FUTURE}
AllowedIPs = 10.17.0.7/32
Endpoint = e.example.net:51820

# peer d
[Peer]
PublicKey = ${DEVICE}
AllowedIPs = 10.17.0.6/32
`

void t.test('which endpoints are looked up', t => {
  const dir = t.testdir({
    'wg0.conf': CONF,
    date: '#!/bin/sh\necho 1000000\n',
    wg: `#!/bin/sh
case $1 in
show) [ ! -e "$D/down" ] || { echo 'Unable to access interface' >&2; exit 1; }
printf '%s\\t%s\\n' ${OLD} 999864 ${FRESH} 999866 ${NEVER} 0 ${FIXED} 0 ${FUTURE} 1003600 ${DEVICE} 0 ;;
set) echo "$WG_ENDPOINT_RESOLUTION_RETRIES $*" >>"$D/log"; case $6 in vpn*) exit 1 ;; esac ;;
esac
`,
  })
  for (const name of ['date', 'wg']) chmodSync(join(dir, name), 0o755)
  const run = () =>
    spawnSync('sh', ['-ec', lookUpScript('wg0').replaceAll('/etc/wireguard/', `${dir}/`)], {
      encoding: 'utf8',
      env: { D: dir, PATH: `${dir}:${process.env['PATH'] ?? ''}` },
    })
  const ran = run()
  t.equal(ran.status, 0)
  t.equal(ran.stderr, 'vpn.example.net:51820 was not found\n', 'one failure stops no other peer')
  t.equal(ran.stdout, '')
  t.strictSame(readFileSync(join(dir, 'log'), 'utf8').trim().split('\n'), [
    `2 set wg0 peer ${OLD} endpoint vpn.example.net:51820`,
    `2 set wg0 peer ${NEVER} endpoint 1.example.net:51820`,
    `2 set wg0 peer ${FUTURE} endpoint e.example.net:51820`,
  ])
  spawnSync('sh', ['-c', `rm ${dir}/log; touch ${dir}/down`])
  t.equal(run().status, 0, 'an interface that is down is no failure of the timer')
  t.notOk(existsSync(join(dir, 'log')))
  t.end()
})

void t.test('names', t => {
  for (const name of ['vpn.example.net:51820', '1.example.net:1', 'hub:51820']) t.ok(isName(name))
  for (const other of ['198.51.100.7:51820', undefined]) t.notOk(isName(other))
  t.end()
})
