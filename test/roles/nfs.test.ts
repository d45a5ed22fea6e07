import t from 'tap'
import { proveRole, rig } from '../rig/lab.ts'

const ROLE = ['role', 'nfs', 'storage1']
const SERVER = '10.17.4.27'
const EXPORTS = '/etc/exports.d/fmc.exports'

void t.test('nfs on the storage host of the lab', { timeout: 900_000 }, async t => {
  const r = await rig(t, 'nfsrole', {
    hosts: ['hypervisor', 'loadbalancer1', 'postgresql1', 'worker1', 'storage1'],
  })
  const storage = (script: string) => r.text('storage1', script)
  const mount = (share: string) =>
    `mkdir -p /mnt/t && mount -t nfs -o nfsvers=4.2 ${SERVER}:/srv/nfs/${share} /mnt/t`
  const changes = (run: { readonly changed: readonly string[] }) =>
    run.changed.map(c => c.replace('storage1 nfs/', ''))

  await t.test('a blank disk, then nothing to do', async t => {
    const done = await proveRole(t, r, ...ROLE)
    t.match(changes(done), ['directory /etc/systemd/system/nfs-server.service.d'])
    t.equal(
      await storage('findmnt -no SOURCE,FSTYPE /srv/nfs; blkid -s LABEL -o value /dev/vdb'),
      '/dev/vdb ext4\nfmc-nfs',
    )
    t.equal(
      await storage('systemctl show -P RequiresMountsFor nfs-server'),
      '/srv/nfs',
      'the server waits for the disk',
    )
  })

  await t.test('the database host lists and writes its share as any user', async t => {
    const client = 'dnf -qy install nfs-utils >/dev/null'
    await Promise.all(['postgresql1', 'loadbalancer1'].map(h => r.text(h, client)))
    t.equal(
      await r.text(
        'postgresql1',
        `${mount('postgresql')}; cd /mnt/t
         setpriv --reuid 101 --regid 103 --clear-groups sh -c 'echo dump >a && sync a && cat a'
         echo root >b; ls`,
      ),
      'dump\na\nb',
    )
    t.equal(
      await storage('cd /srv/nfs/postgresql; stat -c "%n %U" a b; cat a'),
      'a nfs-postgresql\nb nfs-postgresql\ndump',
    )
    t.not(
      (await r.on('postgresql1', `umount /mnt/t; ${mount('shared')}`)).code,
      0,
      'not the other share',
    )
  })

  await t.test('a worker mounts the shared export; other exports are refused', async t => {
    t.equal(
      await r.text(
        'worker1',
        `${mount('shared')}; cd /mnt/t; setpriv --reuid 1000 --regid 1000 --clear-groups sh -c 'echo pod >c'; ls`,
      ),
      'c',
    )
    t.equal(await storage('stat -c %u /srv/nfs/shared/c'), '1000')
    t.not((await r.on('worker1', `cd /; umount /mnt/t; ${mount('postgresql')}`)).code, 0)
    for (const share of ['shared', 'postgresql'])
      t.not((await r.on('loadbalancer1', mount(share))).code, 0, `a host of the LAN and ${share}`)
  })

  await t.test('exports of others stay, whatever the role changes, and do not count', async t => {
    await storage(
      `mkdir -p /tank/media /tank/hand; echo '/tank/media *(ro,no_subtree_check)' >/etc/exports; echo '/tank/media 10.9.0.0/33(ro)' >/etc/exports.d/broken.exports
       exportfs -o ro,no_subtree_check 10.17.4.24:/tank/hand; sed -i 's/,sync,/,async,/' ${EXPORTS}`,
    )
    const done = await r.fmc(...ROLE)
    t.equal(done.code, 0, done.failures.join('\n'))
    t.strictSame(changes(done), [`file ${EXPORTS}`, 'handler export the shares'])
    const exported = await storage('exportfs -s')
    t.match(exported, /^\/tank\/media {2}\*/m)
    t.match(exported, /^\/tank\/hand {2}10\.17\.4\.24/m)
    await storage('rm /etc/exports.d/broken.exports; : >/etc/exports; exportfs -ra')
  })

  await t.test('changes by hand are shown and undone', async t => {
    await storage(
      `sed -i 's/root_squash,mountpoint/no_root_squash,mountpoint/' ${EXPORTS}; exportfs -ra; chmod 0700 /srv/nfs/shared`,
    )
    const planned = await r.fmc(...ROLE, '--dry-run', '--diff', '--exit-code')
    t.equal(planned.code, 3)
    t.strictSame(changes(planned), [
      'directory /srv/nfs/shared',
      `file ${EXPORTS}`,
      'handler export the shares',
    ])
    t.match(
      planned.tasks.find(e => e.task === `file ${EXPORTS}`)?.changes[0]?.diff,
      /-.*no_root_squash.*\n\+.*,root_squash/,
    )
    t.equal((await proveRole(t, r, ...ROLE)).changed.length, 3)
    t.notMatch(await storage('exportfs -s'), 'no_root_squash')
  })

  await t.test('an unmounted disk is mounted again, with its content', async t => {
    await storage('systemctl stop nfs-server srv-nfs.mount')
    const done = await proveRole(t, r, ...ROLE)
    // Nothing can see what is on an unmounted disk, so its directories are planned as well.
    t.strictSame(changes(done), [
      'directory /srv/nfs/postgresql',
      'directory /srv/nfs/shared',
      'mount /srv/nfs',
      'service nfs-server',
    ])
    t.equal(await storage('cat /srv/nfs/postgresql/a'), 'dump')
  })

  await t.test('a file that exportfs refuses leaves the shares as they are', async t => {
    const state = () =>
      storage(
        `cat ${EXPORTS} /var/lib/nfs/etab; ls /etc/exports.d; grep -c fmc-exports /proc/mounts || true`,
      )
    const before = await state()
    for (const clients of ['["10.17.4.0/33"]', '["10.17.4.999"]']) {
      const run = await r.fmc(
        ...ROLE,
        '-e',
        `{"nfs_exports": [{"path": "/srv/nfs/shared", "mode": "1777", "clients": ${clients}}]}`,
      )
      t.equal(run.code, 2, clients)
      t.match(run.failures.join('\n'), 'validation failed')
    }
    const everybody = await r.fmc(
      ...ROLE,
      '-e',
      '{"nfs_exports": [{"path": "/srv/nfs/shared", "clients": ["0.0.0.0/0"]}]}',
    )
    t.match(everybody.failures.join('\n'), 'is everybody')
    t.equal(await state(), before)
  })

  await t.test('a disk with content is never formatted', async t => {
    const run = await r.fmc(...ROLE, '-e', 'nfs_label=other')
    t.equal(run.code, 2)
    t.match(run.failures.join('\n'), /already contains ext4 labelled fmc-nfs/)
    t.equal(await storage('cat /srv/nfs/postgresql/a'), 'dump')
  })

  await t.test('the gate fails when the shares are not exported', async t => {
    await storage('exportfs -au')
    const run = await r.fmcInVain(...ROLE)
    t.equal(run.code, 2)
    t.match(run.failures.join('\n'), /is not exported to 10\.17\.3\.14/)
    await storage('exportfs -ra')
    await storage(
      "echo '/srv/nfs/shared 10.8.0.0/24(rw)' >/etc/exports.d/other.exports; exportfs -ra 2>/dev/null",
    )
    const more = await r.fmcInVain(...ROLE)
    t.match(more.failures.join('\n'), /to 10\.8\.0\.0\/24, which nfs_exports does not declare/)
    await storage('rm /etc/exports.d/other.exports; exportfs -ra')
    t.equal((await r.fmc(...ROLE)).code, 0)
  })
})
