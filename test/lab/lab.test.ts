import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { loadInventory } from '../../lib/inventory/load.ts'
import { groupPids } from '../../lib/lab/machines/cgroups.ts'
import { cut, down, heal, kill, status, up } from '../../lib/lab/index.ts'
import { labSecret } from '../../lib/lab/secrets.ts'
import { readState } from '../../lib/lab/state.ts'
import { hostOf } from '../../lib/lab/enter.ts'
import { leaderOf } from '../../lib/lab/machines/nspawn.ts'
import { labDir, labKey } from '../../lib/lab/paths.ts'
import { labName, ROOT, Rig, run } from '../rig/lab.ts'

const NAME = labName('test-lab')
const inventory = await loadInventory(`${ROOT}/inventory.yaml`)
const log = (text: string) => t.comment(text)

/** Everything a lab could leave on this machine, other labs left out. */
const traces = async (): Promise<Record<string, readonly string[]>> => {
  const key = labKey(NAME)
  const of = async (argv: readonly string[]) => (await run(argv)).stdout.split('\n').sort()
  const processes = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
  return {
    namespaces: (await of(['ip', 'netns'])).filter(name => name.includes(key)),
    links: (await of(['ip', '-o', 'link'])).map(line => line.split(' ').slice(0, 2).join(' ')),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter(m => m.includes(NAME)),
    loops: (await of(['losetup', '-l', '-O', 'BACK-FILE'])).filter(file => file.includes(NAME)),
    processes: processes.filter(line => line.includes(`fmc-lab/${NAME}/`)),
    groups: (await of(['find', '/sys/fs/cgroup', '-name', `fmc-lab-${key}`])).filter(Boolean),
    files: existsSync(`/var/lib/fmc-lab/${NAME}`) ? readdirSync(`/var/lib/fmc-lab/${NAME}`) : [],
  }
}

void t.test('a lab from its start to its end', async t => {
  await down(NAME)
  const before = await traces()
  t.teardown(() => down(NAME))
  const state = await up(inventory, { name: NAME, yes: true, log })
  const rig = new Rig(state, NAME, inventory.file)
  const names = [...inventory.hosts.keys()]

  t.strictSame(
    state.hosts.map(h => h.name),
    names,
    'every host of the inventory runs',
  )
  t.strictSame(
    (await status(state)).map(s => s.state),
    names.map(() => 'running'),
  )
  t.ok(
    state.standIns.some(text => text.includes('AlmaLinux')),
    'it says what is not real',
  )

  await t.test('every host answers with its own name and key', async t => {
    for (const name of names) t.equal(await rig.text(name, 'hostname'), name)
  })

  await t.test('every host boots without failed units', async t => {
    for (const name of names)
      t.equal(await rig.text(name, 'systemctl is-system-running'), 'running', name)
  })

  await t.test('every host reaches every other across the networks', async t => {
    const addresses = [...inventory.hosts.values()].map(h => h.address).join(' ')
    for (const name of names) {
      const script = `for a in ${addresses}; do ping -c1 -W10 -q $a >/dev/null || echo $a; done`
      t.equal(await rig.text(name, script), '', `from ${name}`)
    }
  })

  await t.test('the addresses exist in the lab only', async t => {
    const { stdout } = await run(['ip', '-o', '-4', 'addr'])
    for (const { address } of inventory.hosts.values())
      t.notOk(stdout.includes(`${address}/`), address)
  })

  await t.test('Flatcar hosts look like Flatcar', async t => {
    const script = `. /etc/os-release; echo $ID
      for c in python3 perl dpkg apt-get rpm busybox; do command -v $c && echo "there is $c"; done
      for c in curl wget unzip zstd jq rsync git openssl envsubst nft iptables ipset conntrack socat ipvsadm iscsiadm \
        exportfs mount.nfs wg etcdctl dig cryptsetup lvm mkfs.xfs mkfs.ext4 mkfs.btrfs multipath; do
        command -v $c >/dev/null || echo "there is no $c"; done
      systemctl is-active update-engine locksmithd
      touch /usr/x 2>/dev/null && echo /usr is writable
      [ ! -e /opt/bin ] || echo there is /opt/bin
      mkdir -p /opt/bin && touch /opt/bin/x /etc/x /var/x || echo not writable`
    t.equal(await rig.text('storage1', script), 'flatcar\nactive\nactive')
    const words = readFileSync(join(ROOT, 'files/lab/flatcar/commands.txt'), 'utf8')
      .replace(/#.*/g, '')
      .match(/\S+/g)!
    const listed = new RegExp(`^(${words.join('|')})$`)
    const found = await rig.text(
      'storage1',
      `find -H $(echo $PATH | tr : ' ') -mindepth 1 -maxdepth 1 ! -type d -executable -printf '%f\\n' 2>/dev/null`,
    )
    const names = found.split('\n')
    t.ok(names.length > 300)
    t.strictSame(
      names.filter(name => !listed.test(name)),
      [],
      'nothing in PATH that is not listed',
    )
    t.strictSame(
      words.filter(word => !names.some(name => new RegExp(`^(${word})$`).test(name))),
      [],
      'and nothing listed that is not there',
    )
  })

  await t.test('hosts do not see each other’s services', async t => {
    const marks = names.map(name =>
      rig.text(name, 'systemctl show -p NRestarts ssh; cat /proc/1/comm'),
    )
    for (const text of await Promise.all(marks)) t.equal(text, 'NRestarts=0\nsystemd')
  })

  await t.test('a data disk is formatted, found by its label and mounted at boot', async t => {
    const unit = `[Mount]\\nWhat=/dev/disk/by-label/store\\nWhere=/srv/store\\n[Install]\\nWantedBy=multi-user.target\\n`
    await rig.text(
      'storage1',
      `mkfs.ext4 -q -L store /dev/disk/by-id/virtio-data && udevadm settle &&
       printf '${unit}' >/etc/systemd/system/srv-store.mount && systemctl daemon-reload &&
       systemctl -q enable --now srv-store.mount && echo kept >/srv/store/file && sync`,
    )
    await kill(state, 'storage1')
    t.equal((await status(state)).find(s => s.host.name === 'storage1')?.state, 'dead')
    const again = await up(inventory, { name: NAME, log })
    t.equal(again.hosts.length, names.length)
    t.equal(
      await rig.text('storage1', 'cat /srv/store/file; findmnt -no SOURCE /srv/store'),
      'kept\n/dev/vdb',
    )
  })

  await t.test('an NFS export is mounted, written and read by another host', async t => {
    await rig.text(
      'storage1',
      `mkdir -p /srv/store/shared && chmod 1777 /srv/store/shared && touch /etc/exports &&
       echo '/srv/store/shared 10.17.4.0/24(rw,sync,no_subtree_check,root_squash)' >/etc/exports.d/t.exports &&
       systemctl -q enable --now nfs-server && exportfs -ra`,
    )
    const mount = 'mkdir -p /mnt/t && mount -t nfs 10.17.4.27:/srv/store/shared /mnt/t'
    const sum = await rig.text(
      'worker1',
      `${mount} && cd /mnt/t && ! cat missing 2>/dev/null && head -c 3000000 /dev/urandom >big &&
       chmod 640 big && mkdir d && chmod 750 d && sha256sum <big`,
    )
    t.equal(await rig.text('storage1', 'sha256sum </srv/store/shared/big'), sum)
    t.match(
      await rig.text('storage1', 'cd /srv/store/shared; stat -c "%a %U" big d'),
      /^640 nobody\n750 nobody$/,
    )
    t.not((await rig.on('loadbalancer1', mount)).code, 0, 'a host outside the export is refused')
    t.equal(
      await rig
        .text(
          'storage1',
          'echo "/x *(bogus)" >/etc/exports.d/u.exports; exportfs -ra 2>&1; echo $?; rm /etc/exports.d/u.exports; exportfs -ra',
        )
        .then(s => s.split('\n').at(-1)),
      '1',
    )
  })

  await t.test('a cut host is silent until it is healed', async t => {
    const ping = 'ping -c1 -W5 -q 10.17.4.21 >/dev/null'
    const reached = async (script: string) => (await rig.on('loadbalancer1', script)).code === 0
    t.ok(await reached(ping), 'reached before')
    await cut(state, 'master1')
    t.equal((await status(state)).find(s => s.host.name === 'master1')?.state, 'cut off')
    t.notOk(await reached(ping), 'silent')
    await heal(state, 'master1')
    // The router may still hold the address for unreachable.
    t.ok(
      await reached(`for i in $(seq 20); do ${ping} && exit; sleep 0.2; done; exit 1`),
      'reached',
    )
  })

  await t.test(
    'up again returns at once, and a host that switched itself off is booted',
    async t => {
      const start = Date.now()
      await up(inventory, { name: NAME, log })
      t.ok(Date.now() - start < 1000, `${Date.now() - start} ms`)
      await rig.on('worker2', 'systemctl poweroff')
      while (leaderOf(hostOf(state, 'worker2').pid) !== undefined)
        await new Promise(r => setTimeout(r, 50))
      await up(inventory, { name: NAME, log })
      t.equal(await rig.text('worker2', 'hostname'), 'worker2')
    },
  )

  await t.test('secrets stay the same as long as the lab exists', t => {
    t.equal(labSecret(state.dir, 'a'), labSecret(state.dir, 'a'))
    t.not(labSecret(state.dir, 'a'), labSecret(state.dir, 'b'))
    const pem = labSecret(state.dir, 'sealed_secrets_key')
    t.match(pem, /^-----BEGIN PRIVATE KEY-----[^]*-----BEGIN CERTIFICATE-----/)
    t.equal(labSecret(state.dir, 'sealed_secrets_key'), pem)
    t.end()
  })

  await down(NAME)
  t.strictSame(await traces(), before, 'nothing is left')
  t.equal(readState(NAME), undefined)
})

void t.test(
  'an up that is killed in the middle is cleared by down, and by the next up',
  async t => {
    const before = await traces()
    t.teardown(() => down(NAME))
    const hosts = ['hypervisor', 'storage1']
    const killed = async () => {
      const argv = ['lab', 'up', '--name', NAME, '--hosts', hosts.join(','), '-i', inventory.file]
      const child = spawn(process.execPath, [`${ROOT}/lib/bin.js`, ...argv], {
        stdio: 'ignore',
      })
      const closed = once(child, 'close')
      while (groupPids(labKey(NAME)).length === 0) await sleep(10)
      // Else it may be done before `down` has looked.
      child.kill('SIGSTOP')
      await t.rejects(down(NAME), { message: /is being brought up or down by process/ })
      child.kill('SIGKILL')
      await closed
    }
    await killed()
    await down(NAME)
    t.strictSame(await traces(), before, 'down leaves nothing')
    await killed()
    // As if it had been killed just before the end of the host's preparation.
    for (const host of hosts)
      rmSync(`${labDir(NAME)}/hosts/${host}/upper/etc/machine-id`, { force: true })
    const state = await up(inventory, { name: NAME, hosts, log })
    t.equal(await new Rig(state, NAME, inventory.file).text('storage1', 'hostname'), 'storage1')
  },
)
