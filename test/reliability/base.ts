import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SYSTEMCTL } from './systemctl.ts'

/** In memory: a case writes a few hundred kilobytes and is over after a second. */
const SCRATCH = '/dev/shm'

/** Files of this machine's /etc that programs of a Debian host read. Nothing in them is secret. */
const ETC = [
  ...['nsswitch.conf', 'debian_version', 'login.defs', 'ld.so.cache', 'alternatives', 'skel'],
  ...['shells', 'apt', 'dpkg', 'default', 'os-release'],
]

/** Users and groups of every light host: root and an unprivileged service. */
const PASSWD = `root:x:0:0:root:/root:/bin/sh
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
svc:x:990:990::/srv/open:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`
const GROUP = 'root:x:0:\nadm:x:4:\nshadow:x:42:\nsvc:x:990:\nnogroup:x:65534:\n'

/** The root file system that all light hosts share and none can change, and where the cases keep theirs. */
export interface Base {
  readonly dir: string
  /** Lower layer of every host's root. */
  readonly root: string
  /** Lower layer of /usr, above this machine's. */
  readonly usr: string
  remove(): void
}

export function makeBase(program: string): Base {
  const dir = mkdtempSync(join(SCRATCH, 'fmc-faults-'))
  const [root, usr] = [join(dir, 'base'), join(dir, 'usr')]
  const sh = (script: string): void => {
    const { status, stderr } = spawnSync('sh', ['-ec', script], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`cannot prepare the hosts' root: ${stderr}`)
  }
  mkdirSync(join(usr, 'bin'), { recursive: true })
  writeFileSync(join(usr, 'bin/systemctl'), SYSTEMCTL, { mode: 0o755 })
  sh(`umask 022; mkdir -p ${root}; cd ${root}
mkdir -p etc/systemd/system proc sys run usr srv opt root tmp dev home var/lib/fmc var/log var/tmp var/cache/apt/archives/partial var/lib/apt/lists/partial
chmod 700 root; chmod 1777 tmp var/tmp
for d in bin sbin lib lib64; do ln -s usr/$d $d; done; ln -s /run var/run
for f in ${ETC.join(' ')}; do [ ! -e /etc/$f ] || cp -a /etc/$f etc/; done
mkdir -p var/lib/dpkg; for f in /var/lib/dpkg/*; do case $f in *lock*|*-old) ;; *) cp -a $f var/lib/dpkg/ ;; esac; done
# A container image may have told dpkg not to sync.
rm -rf etc/dpkg/dpkg.cfg.d/*; : >var/lib/dpkg/statoverride; mkdir -p dev/pts
rm -rf etc/apt/sources.list etc/apt/sources.list.d etc/apt/auth.conf* etc/apt/apt.conf; mkdir -p etc/apt/sources.list.d
cd dev; mknod null c 1 3; mknod zero c 1 5; mknod full c 1 7; mknod random c 1 8; mknod urandom c 1 9; chmod 666 *
ln -s pts/ptmx ptmx; ln -s /proc/self/fd fd; ln -s fd/0 stdin; ln -s fd/1 stdout; ln -s fd/2 stderr`)
  writeFileSync(join(root, 'etc/passwd'), PASSWD)
  writeFileSync(join(root, 'etc/group'), GROUP)
  writeFileSync(join(root, 'etc/hostname'), 'light\n')
  copyFileSync(program, join(root, '.host'))
  chmodSync(join(root, '.host'), 0o755)
  return { dir, root, usr, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
