import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { FmcError } from '../../errors.ts'
import type { Os } from '../../inventory/types.ts'
import { makeGroups, startTime } from './cgroups.ts'
import type { DiskFile } from './disks.ts'
import { baseOf, type Images } from '../images/images.ts'
import { k3sArguments, prepareK3s } from './k3s.ts'
import { installKeys } from './keys.ts'
import { moduleTree } from './modules.ts'
import { ownPackagesBind } from './packages.ts'
import { netnsPath } from '../paths.ts'
import { prepareElRelease } from './el-release.ts'
import { PACKAGES, type Rootfs } from '../images/rootfs.ts'
import { prepareRouter } from './router.ts'
import type { Personality } from '../state.ts'
import type { HostPlan } from '../network/topology.ts'
import { wireguardBind } from '../doubles/wireguard-go.ts'

/** What starting an nspawn machine needs. */
interface MachineSpec {
  readonly name: string
  readonly key: string
  readonly labDir: string
  /** The host's directory inside the lab's. */
  readonly dir: string
  readonly netns: string
  readonly os: Os
  readonly personality: Personality
  readonly images: Images
  /** The directory of the image below its root. */
  readonly root: string
  /** Set when that image is of lab.images. */
  readonly rootfs: Rootfs | undefined
  readonly disks: readonly DiskFile[]
  readonly place: HostPlan
  /** wireguard-go, where the kernel has no WireGuard. */
  readonly wireguard: string | undefined
  /** The real K3s will run on it. */
  readonly k3s: boolean
}

/**
 * Mounts the machine's root in a mount namespace of its own, so that nothing is left to unmount however it ends, and runs
 * systemd-nspawn in the machine's groups. Exit code 133 means that the machine rebooted: nspawn is run again
 * (systemd-nspawn(1), --keep-unit). The loop itself runs in a group below the machine's: cgroup2 allows no process beside
 * a subgroup. $1 groups, $2 image, $3 directory, $4 personality, then nspawn's arguments.
 */
const START = `
groups=$1 image=$2 dir=$3 personality=$4
shift 4
for group in $groups; do
  mkdir -p "\${group%/*}/power"
  echo $$ >"\${group%/*}/power/cgroup.procs"
done
mount -t overlay overlay -o "lowerdir=$image,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
if [ "$personality" = flatcar ]; then
  mount --bind "$image/usr" "$dir/root/usr"
  mount -o remount,bind,ro "$dir/root/usr"
fi
code=133
while [ $code = 133 ]; do
  ( me=$(exec sh -c 'echo $PPID'); for group in $groups; do echo "$me" >"$group"; done; exec systemd-nspawn "$@" ) && code=0 || code=$?
done
exit $code
`

/**
 * Starts a machine. Resolves as soon as its init runs, with the id of the process that runs nspawn in a loop: when that
 * ends, the machine is off. Throws an FmcError with the end of the console when the machine does not start.
 */
export const startMachine = async (
  spec: MachineSpec,
): Promise<{ pid: number; startTime: string }> => {
  prepareRoot(spec)
  const console = join(spec.dir, 'console.log')
  const fd = openSync(console, 'w', 0o600)
  const groups = makeGroups(spec.key, spec.name, spec.k3s)
  const args = [groups.join(' '), spec.root, spec.dir, spec.personality]
  const child = spawn(
    'unshare',
    ['-m', 'sh', '-ec', START, 'sh', ...args, ...nspawnArguments(spec)],
    {
      detached: true,
      stdio: ['ignore', fd, fd],
      env: { PATH: process.env.PATH, SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network' },
    },
  )
  closeSync(fd)
  child.unref()
  for (let tries = 0; tries < 1200; tries++) {
    const pid = child.pid ?? 0
    const started = startTime(pid)
    if (leaderOf(pid) !== undefined && started !== undefined) return { pid, startTime: started }
    if (child.exitCode !== null || child.signalCode !== null) break
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  const said = readFileSync(console, 'utf8').trim().split('\n').slice(-10).join('\n')
  throw new FmcError(`lab machine ${spec.name} did not start\n${said}`)
}

const nspawnArguments = (spec: MachineSpec): string[] => [
  '--quiet',
  '--register=no',
  '--keep-unit',
  '--boot',
  '--console=pipe',
  '--link-journal=no',
  '--resolv-conf=off',
  '--timezone=off',
  `--machine=${spec.name}`,
  `--uuid=${machineId(spec)}`,
  `--directory=${join(spec.dir, 'root')}`,
  `--network-namespace-path=${netnsPath(spec.netns)}`,
  `--bind-ro=${moduleTree(spec.labDir)}:/usr/lib/modules`,
  // For NFS-Ganesha, which opens files by handle.
  '--system-call-filter=name_to_handle_at open_by_handle_at',
  '--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_ADMIN,CAP_DAC_READ_SEARCH',
  ...['/dev/net/tun', '/dev/fuse'].filter(existsSync).map(device => `--bind=${device}`),
  ...wireguardBind(spec.wireguard),
  ...(spec.k3s ? k3sArguments(spec.dir) : []),
  ...spec.disks.map((disk, n) => `--bind=${disk.loop}:${diskNode(n)}`),
  ...packageSource(spec),
  ...(spec.rootfs === undefined ? ownPackagesBind(spec.labDir, spec.personality) : []),
]

const packageSource = ({ personality, images, rootfs }: MachineSpec): string[] => {
  const place = PACKAGES[personality]
  const from = rootfs === undefined ? baseOf(images, personality).mirror : rootfs.repo
  return place === undefined || from === undefined ? [] : [`--bind-ro=${from}:${place}`]
}

/** Data disks are /dev/vdb, /dev/vdc … as on a virtual machine; by-id links point there. */
const diskNode = (n: number): string => `/dev/vd${String.fromCharCode(98 + n)}`

const machineId = (spec: MachineSpec): string =>
  createHash('sha256').update(`${spec.labDir}/${spec.name}`).digest('hex').slice(0, 32)

/** The process id of the machine's init, from the one that startMachine returned; undefined between two boots. */
export const leaderOf = (started: number): number | undefined =>
  childrenOf(started, 'systemd-nspawn').flatMap(nspawn => childrenOf(nspawn, 'systemd'))[0]

const childrenOf = (pid: number, name: string): number[] => {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return children
      .split(' ')
      .map(Number)
      .filter(p => p > 0 && readFileSync(`/proc/${p}/comm`, 'utf8').trim() === name)
  } catch {
    return []
  }
}

/**
 * Writes what differs per host into the machine's upper layer, once per lab. The machine-id comes last: without one an
 * earlier attempt was interrupted, and all is written again.
 */
const prepareRoot = (spec: MachineSpec): void => {
  const upper = join(spec.dir, 'upper')
  const prepared = existsSync(join(upper, 'etc', 'machine-id'))
  if (!prepared) rmSync(upper, { recursive: true, force: true })
  for (const dir of ['root', 'work', 'upper']) mkdirSync(join(spec.dir, dir), { recursive: true })
  if (prepared) return
  installKeys(spec.labDir, spec.name, upper)
  const etc = join(upper, 'etc')
  writeFileSync(join(etc, 'hostname'), `${spec.name}\n`)
  const names = [`127.0.1.1 ${spec.name}`, '::1 localhost', ...spec.place.names]
  writeFileSync(join(etc, 'hosts'), ['127.0.0.1 localhost', ...names, ''].join('\n'))
  if (spec.disks.length > 0) prepareDisks(etc, spec.disks)
  prepareRouter(etc, spec.place)
  if (spec.k3s) prepareK3s(etc)
  if (spec.personality === 'el9' && spec.rootfs === undefined) prepareElRelease(upper, spec.os)
  writeFileSync(join(etc, 'machine-id'), `${machineId(spec)}\n`)
}

/** Units that do udev's work for the links below /dev/disk, at boot and whenever a disk was written. */
const prepareDisks = (etc: string, disks: readonly DiskFile[]): void => {
  const units = join(etc, 'systemd', 'system')
  const wanted = (target: string, unit: string) => {
    mkdirSync(join(units, `${target}.wants`), { recursive: true })
    symlinkSync(`../${unit}`, join(units, `${target}.wants`, unit))
  }
  mkdirSync(join(etc, 'fmc-lab'), { recursive: true })
  const list = disks.map((disk, n) => `${diskNode(n)} ${disk.device}\n`)
  writeFileSync(join(etc, 'fmc-lab', 'disks'), list.join(''))
  wanted('local-fs-pre.target', 'fmc-lab-disks.service')
  wanted('multi-user.target', 'fmc-lab-disks.path')
  const changed = disks.map((_, n) => `PathChanged=${diskNode(n)}\n`).join('')
  // A path unit starts before its service. Default dependencies would order it after sysinit.target: a cycle, of which
  // systemd would drop one unit (systemd.path(5)).
  writeFileSync(
    join(units, 'fmc-lab-disks.path'),
    `[Unit]\nDescription=Data disks of a lab machine\nDefaultDependencies=no\n[Path]\n${changed}`,
  )
  writeFileSync(
    join(units, 'fmc-lab-disks.service'),
    `[Unit]
Description=Links to the data disks of a lab machine
DefaultDependencies=no
Before=local-fs-pre.target
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart=/usr/lib/fmc-lab/disk-links
`,
  )
}
