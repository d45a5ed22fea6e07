// No image of AlmaLinux, Rocky or Flatcar was at hand: the root file systems are packed here, from the lab's own.
import { createHash } from 'node:crypto'
import {
  chownSync,
  createReadStream,
  existsSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Inventory, LabImage } from '../../lib/inventory/types.ts'
import { loadInventory } from '../../lib/inventory/load.ts'
import { imageParts } from '../../lib/lab/images/images.ts'
import { makeParts } from '../../lib/lab/images/parts.ts'
import { up } from '../../lib/lab/index.ts'
import { rootFileSystems } from '../../lib/lab/images/rootfs.ts'
import { proveRole, rig, ROOT, run } from '../rig/lab.ts'

const sha256 = async (file: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  return hash.digest('hex')
}

/** Packs directories into one tar archive, what stands in a later one over what stands in an earlier one. */
const pack = async (file: string, ...words: readonly string[]): Promise<LabImage> => {
  const { code, stderr } = await run(['tar', '-c', '--auto-compress', '-f', file, ...words])
  if (code !== 0) throw new Error(stderr)
  return { url: `file://${file}`, sha256: await sha256(file), repo: undefined }
}

void t.test('an unusable root file system is one error, and leaves nothing', async t => {
  const dir = t.testdir({
    cache: {},
    repo: {},
    'not.tar': 'no archive at all',
    bare: { usr: { lib: { 'os-release': 'ID=rocky\n' } } },
    other: {
      usr: {
        sbin: { sshd: '' },
        lib: {
          'os-release': 'NAME="Some Linux"\nID="some"\n',
          systemd: { systemd: '', system: { 'sshd.service': '' } },
        },
      },
    },
    linked: { etc: t.fixture('symlink', '/etc') },
  })
  const before = process.env['FMC_CACHE']
  process.env['FMC_CACHE'] = join(dir, 'cache')
  t.teardown(() => {
    if (before === undefined) delete process.env['FMC_CACHE']
    else process.env['FMC_CACHE'] = before
  })
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/not.tar' ? 200 : 404
    response.end('no archive at all')
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const file = join(dir, 'not.tar')
  const no = { url: `file://${file}`, sha256: await sha256(file), repo: undefined }
  const packed = (name: string, kind: string) =>
    pack(join(dir, `${name}.${kind}`), '-C', join(dir, name), '.')
  const wrong = '0'.repeat(64)
  const rows: readonly (readonly [string, LabImage, RegExp])[] = [
    [
      'wrong sha256',
      { ...no, sha256: wrong },
      /not\.tar: its sha256 is [0-9a-f]{64}, expected 0+$/,
    ],
    ['no such file', { ...no, url: 'file:///nowhere/a.tar' }, /\/nowhere\/a\.tar: there is no/],
    [
      'wrong sha256, downloaded',
      { ...no, url: `${at}/not.tar`, sha256: wrong },
      /wrong checksum: got 17 bytes/,
    ],
    [
      'nothing there',
      { ...no, url: `${at}/a.tar`, sha256: wrong },
      /a\.tar: the server answered 404/,
    ],
    [
      'nobody there',
      { ...no, url: 'http://127.0.0.1:1/a.tar', sha256: wrong },
      /127\.0\.0\.1:1\/a\.tar: .*$/,
    ],
    ['no tar', no, /not\.tar cannot be unpacked as a tar archive\ntar: .*does not look like a tar/],
    ['no tar, downloaded', { ...no, url: `${at}/not.tar` }, /cannot be unpacked as a tar archive/],
    [
      'nothing in it, gzip',
      await packed('bare', 'tar.gz'),
      /lacks systemd \(usr\/lib\/systemd\/systemd\), sshd \(usr\/sbin\/sshd\), sshd's unit/,
    ],
    ['another OS, xz', await packed('other', 'tar.xz'), /is not rocky: its os-release says some$/],
    ['a link, zstd', await packed('linked', 'tar.zst'), /\/etc is a link/],
    [
      'no index',
      { ...no, repo: join(dir, 'repo') },
      /^lab\.images\.rocky\.repo: there is no .*repomd/,
    ],
  ]
  const os = { name: 'rocky', family: 'el', version: undefined } as const
  for (const [title, image, message] of rows) {
    const inventory = { lab: { images: { rocky: image } } } as unknown as Inventory
    const made = rootFileSystems(inventory, [{ os }], () => undefined)
    await t.rejects(made, { name: /Error$/, message }, title)
    await t.rejects(made, { message: /^lab\.images\.rocky/ }, `${title}: the key is named`)
    const lab = join(dir, 'cache', 'lab')
    t.strictSame(existsSync(lab) ? readdirSync(lab) : [], [], `${title}: nothing stays`)
  }
})

const NAME = 'AlmaLinux 9.5 (packed by a test)'
const MARK = { srv: { marker: 'packed by a test\n' } }

/** An EL root without what is the lab's, and Debian's as it was bootstrapped, each with a marker that 4711 owns. */
const packOwn = async (
  dir: string,
  log: (text: string) => void,
): Promise<{ almalinux: LabImage; debian: LabImage }> => {
  const { images: own, image, debian: root } = imageParts()
  await makeParts([image.el9, root], log)
  const el = own.roots.el9
  const labs = ['-path', './etc/systemd/*', '-lname', '/dev/null', '-o', '-lname', '*fmc-lab*']
  const { stdout } = await run(
    ['find', '.', ...labs, '-o', '-name', '*fmc-lab*', '-o', '-name', 'lab.conf'],
    { cwd: el },
  )
  writeFileSync(join(dir, 'labs'), `${stdout}./etc/yum.repos.d/almalinux-appstream.repo\n`)
  const without = ['--anchored', '--no-wildcards', `--exclude-from=${join(dir, 'labs')}`]
  const more = ['-C', join(dir, 'more'), 'srv/marker']
  chownSync(join(dir, 'more/srv/marker'), 4711, 4712)
  const release = ['-C', join(dir, 'release'), 'usr/lib/os-release']
  const debian = own.debianRoot
  return {
    almalinux: {
      ...(await pack(join(dir, 'el.tar'), ...without, '-C', el, '.', ...more, ...release)),
      repo: own.repo,
    },
    debian: await pack(join(dir, 'debian.tar'), '-C', debian, '.', ...more),
  }
}

void t.test('hosts run from the root file systems that the inventory names', async t => {
  const release = `ID="almalinux"\nVERSION_ID="9.5"\nPRETTY_NAME="${NAME}"\n`
  const dir = t.testdir({ more: MARK, release: { usr: { lib: { 'os-release': release } } } })
  const packed = await packOwn(dir, text => t.comment(text))
  const file = join(dir, 'inventory.yaml')
  const write = (lab: Readonly<Record<string, LabImage>>) =>
    writeFileSync(
      file,
      `timezone: Europe/Madrid
domain: cloud.internal
lab: ${JSON.stringify({ images: lab })}
networks:
  lan: { cidr: 192.168.0.0/24, mode: bridge, gateway: 192.168.0.1 }
hosts:
  dns: { os: almalinux 9.5, nics: [{ network: lan, address: 192.168.0.11 }] }
  deb: { os: debian 12, nics: [{ network: lan, address: 192.168.0.12 }], ssh: { user: debian } }
`,
    )
  write(packed)
  const inventory = await loadInventory(file)
  const roots = await rootFileSystems(inventory, [...inventory.hosts.values()], text =>
    t.comment(text),
  )
  t.teardown(() => {
    for (const { root } of roots.values()) rmSync(dirname(root), { recursive: true })
  })
  const r = await rig(t, 'images', { inventory: file })

  await t.test('they do, and accept logins like every host of a lab', async t => {
    for (const host of ['dns', 'deb'])
      t.equal(
        await r.text(
          host,
          'cat /srv/marker; stat -c %u:%g /srv/marker; hostname; systemctl is-system-running',
        ),
        `packed by a test\n4711:4712\n${host}\nrunning`,
      )
    t.equal(await r.text('dns', '. /etc/os-release; echo $PRETTY_NAME'), NAME)
    t.equal(await r.text('dns', 'command -v getenforce || ls /etc/yum.repos.d'), 'fmc-lab.repo')
  })

  await t.test('fmc lab status says so', async t => {
    const { stdout } = await run([process.execPath, join(ROOT, 'lib/bin.js'), 'lab', 'status'], {
      env: { FMC_LAB: r.name },
    })
    t.match(stdout, /^dns .* image +nspawn  running$/m)
    const [images = '', standIns = ''] = stdout.split('What is not the real thing:')
    t.match(
      images,
      `lab.images.almalinux (dns): ${packed.almalinux.url}, sha256 ${packed.almalinux.sha256}`,
    )
    t.match(
      images,
      /lab\.images\.debian \(deb\): .*; no package can be installed \(it has no repo\)/,
    )
    t.notMatch(images, /almalinux.*no package/)
    t.notMatch(standIns, /Debian's programs|Debian 12 stands in|libnfs/)
    t.match(standIns, /share this machine's kernel/)
  })

  await t.test('a role is applied as elsewhere', async t => {
    await proveRole(t, r, 'role', 'coredns-chrony', 'dns')
    t.equal(await r.text('dns', 'dig +short @192.168.0.11 deb.cloud.internal'), '192.168.0.12')
  })

  await t.test('an entry that is not available leaves the lab as it is', async t => {
    write({ ...packed, debian: { ...packed.debian, sha256: '0'.repeat(64) } })
    const said: string[] = []
    const rebuilt = up(await loadInventory(file), { name: r.name, log: text => said.push(text) })
    await t.rejects(rebuilt, { message: /^lab\.images\.debian is not available/ })
    t.strictSame(said, [])
    t.equal(await r.text('deb', 'hostname'), 'deb')
  })

  await t.test('another entry rebuilds the hosts of its OS, and no other', async t => {
    write({ almalinux: packed.almalinux })
    const said: string[] = []
    const log = (text: string) => said.push(text)
    const { hosts } = await up(await loadInventory(file), { name: r.name, log })
    t.match(said, [/^lab \S+: rebuilt deb because its image changed \(.* s\)$/])
    t.match(hosts, [
      { name: 'dns', image: true, pid: r.state.hosts[0]?.pid },
      { name: 'deb', image: false },
    ])
  })
})
