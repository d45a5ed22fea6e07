import { readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, run } from '../rig/lab.ts'

const INVENTORY = `timezone: UTC
domain: cloud.internal
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
  vpn: { cidr: 10.17.0.0/24, mode: wireguard, gateway: 10.17.0.1, router: hub }
hosts:
  hub: { os: debian 12, nics: [{ network: lan, address: 192.168.0.40 }] }
`
const KEY = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='

void t.test('a client in a file: complete and private, or not written', async t => {
  const dir = t.testdir({ 'inventory.yaml': INVENTORY, full: {} })
  const client = (out: string, ...around: string[]) =>
    run([
      ...[...around, process.execPath, join(ROOT, 'lib/bin.js'), 'wireguard', 'client', 'phone'],
      ...['-i', join(dir, 'inventory.yaml'), '--random', '--hub-key', KEY, '--out', out],
    ])
  const out = join(dir, 'phone.conf')
  const done = await client(out)
  t.match(done, { code: 0, stdout: '', stderr: /- \{ name: phone, address: 10\.17\.0\.\d+/ })
  const text = readFileSync(out, 'utf8')
  t.match(text, /^\[Interface\]\nPrivateKey = [^]*\[Peer\]\nPublicKey = xTIBA/)
  t.equal(statSync(out).mode & 0o777, 0o600)
  t.match(await client(out), { code: 1, stderr: /phone\.conf already exists/ })
  t.equal(readFileSync(out, 'utf8'), text)

  const dangling = join(dir, 'dangling.conf')
  symlinkSync('nowhere', dangling)
  t.match(await client(dangling), { code: 1, stderr: /dangling\.conf cannot be written: EEXIST/ })
  t.equal(readlinkSync(dangling), 'nowhere')
  rmSync(dangling)

  const full = join(dir, 'full')
  const onFullDisk = `mount -t tmpfs -o size=4k none ${full}; head -c 4096 /dev/zero >${full}/x
    "$@"; echo "exit $?"; ls ${full}`
  const failed = await client(join(full, 'out'), 'unshare', '-m', 'sh', '-c', onFullDisk, 'sh')
  t.match(failed, { stdout: 'exit 1\nx\n', stderr: /out cannot be written: ENOSPC/ })
  t.strictSame(readdirSync(dir).sort(), ['full', 'inventory.yaml', 'phone.conf'])
})
