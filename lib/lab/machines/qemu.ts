import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Disk, Host } from '../../inventory/types.ts'
import { makeGroups, startTime } from './cgroups.ts'
import { diskFile } from './disks.ts'
import type { DiskFile } from './disks.ts'
import { exec } from '../exec.ts'
import { installKeys } from './keys.ts'
import { whenUnlocked } from '../lock.ts'
import { connectTaps, plugInTaps } from '../network/cables.ts'
import { netnsPath } from '../paths.ts'
import type { HostPlan } from '../network/topology.ts'
import type { VmImage } from '../images/qemu-image.ts'

/** What starting a virtual machine needs. */
interface VmSpec {
  readonly host: Host
  readonly place: HostPlan
  readonly key: string
  readonly labDir: string
  /** The host's directory inside the lab's. */
  readonly dir: string
  readonly diskDir: string
  readonly image: VmImage
  /** QEMU's -accel and -cpu. */
  readonly accelerator: readonly string[]
  /** The real K3s will run on it. */
  readonly k3s: boolean
}

/** MiB of a machine of the lab, at most; a server of the real K3s needs 2 GB (docs.k3s.io/installation/requirements). */
const MEMORY = { usual: 1024, k3s: 2048 }

/** Enters the machine's groups and network namespace and becomes QEMU. $1 groups, $2 namespace. */
const START = `
for group in $1; do echo $$ >"$group"; done
namespace=$2
shift 2
exec nsenter --net="$namespace" qemu-system-x86_64 "$@"
`

/** Starts a virtual machine in the host's place in the network. Returns QEMU's process id. */
export const startVm = async (
  spec: VmSpec,
): Promise<{ pid: number; startTime: string; disks: Pick<DiskFile, 'file' | 'device'>[] }> => {
  mkdirSync(spec.dir, { recursive: true })
  await prepareDisk(spec)
  const disks = spec.host.disks.map(disk => ({
    file: diskFile(spec.diskDir, disk),
    device: disk.device,
  }))
  await plugInTaps(spec.place)
  const groups = makeGroups(spec.key, spec.host.name).join(' ')
  const pidFile = join(spec.dir, 'qemu.pid')
  rmSync(pidFile, { force: true })
  const qemu = qemuArguments(spec, disks, pidFile)
  await exec(['sh', '-ec', START, 'sh', groups, netnsPath(spec.place.netns), ...qemu])
  await connectTaps(spec.place)
  const pid = Number(readFileSync(pidFile, 'utf8'))
  return { pid, startTime: startTime(pid) ?? '', disks }
}

const qemuArguments = (
  spec: VmSpec,
  disks: readonly { readonly file: string }[],
  pidFile: string,
): string[] => {
  const drive = (file: string, id: string, more: string, serial?: string) => [
    '-drive',
    `file=${file},if=none,format=raw,id=${id}${more}`,
    '-device',
    `virtio-blk-pci,drive=${id}${serial === undefined ? '' : `,serial=${serial}`}`,
  ]
  const { host, image } = spec
  const debian = host.os.family !== 'flatcar'
  return [
    ...['-name', host.name, ...spec.accelerator],
    ...['-m', String(memoryOf(spec))],
    ...['-smp', String(Math.min(host.vcpu ?? 1, 2)), '-nodefaults', '-display', 'none'],
    ...['-kernel', image.kernel, '-initrd', image.initrd],
    ...['-append', 'root=/dev/vda rw console=ttyS0 net.ifnames=0 no_timer_check quiet panic=-1'],
    ...['-serial', `file:${join(spec.dir, 'console.log')}`, '-device', 'virtio-rng-pci'],
    ...drive(join(spec.dir, 'root.img'), 'root', ''),
    ...disks.flatMap(({ file }, n) => drive(file, `data${n}`, '', serialOf(host.disks[n]))),
    ...(debian ? drive(image.mirror, 'mirror', ',readonly=on') : []),
    ...spec.place.links.flatMap((link, n) => [
      '-netdev',
      `tap,id=net${n},ifname=${link.port},script=no,downscript=no`,
      '-device',
      `virtio-net-pci,netdev=net${n},mac=${link.mac}`,
    ]),
    ...['-daemonize', '-pidfile', pidFile],
  ]
}

const memoryOf = ({ host, k3s }: VmSpec): number => {
  const most = k3s ? MEMORY.k3s : MEMORY.usual
  return Math.max(512, Math.min(host.memoryMb ?? most, most))
}

/** The serial by which udev names a virtio disk: /dev/disk/by-id/virtio-<serial>. */
const serialOf = (disk: Disk | undefined): string | undefined =>
  disk && (/\/virtio-([\w.-]{1,20})$/.exec(disk.device)?.[1] ?? disk.name)

/** Makes the machine's own copy of the image, with its keys, names and network in it; once per lab. */
const prepareDisk = async (spec: VmSpec): Promise<void> => {
  const disk = join(spec.dir, 'root.img')
  if (existsSync(disk)) return
  const seed = join(spec.dir, 'seed')
  installKeys(spec.labDir, spec.host.name, seed)
  const etc = join(seed, 'etc')
  mkdirSync(join(etc, 'fmc-lab'), { recursive: true })
  writeFileSync(join(etc, 'hostname'), `${spec.host.name}\n`)
  writeFileSync(join(etc, 'hosts'), `127.0.0.1 localhost\n127.0.1.1 ${spec.host.name}\n`)
  const links = spec.place.links.map(l => `${l.mac} ${l.device} ${l.addresses.join(' ')}\n`)
  const routes = spec.place.routes.map(r => `${r.to} ${r.via}\n`)
  writeFileSync(join(etc, 'fmc-lab', 'links'), links.join(''))
  writeFileSync(join(etc, 'fmc-lab', 'routes'), routes.join(''))
  if (spec.place.forwards) writeFileSync(join(etc, 'fmc-lab', 'forwards'), '')
  const copy =
    'cp --sparse=always "$1" "$2.new"; mkdir -p "$4"; mount -o loop "$2.new" "$4"; cp -a "$3/." "$4/"; umount "$4"; mv "$2.new" "$2"'
  await exec([
    'unshare',
    '-m',
    'sh',
    '-ec',
    copy,
    'sh',
    spec.image.disk,
    disk,
    seed,
    join(spec.dir, 'mnt'),
  ])
}

const KVM = ['-accel', 'kvm', '-cpu', 'host']
const TCG = ['-accel', 'tcg,thread=multi', '-cpu', 'max']

/**
 * QEMU's options for KVM, or for emulation where KVM does not work. /dev/kvm alone proves nothing: a kernel is booted
 * with it, once per boot of this machine, and the answer kept in `cacheFile`.
 */
export const accelerator = async (
  image: VmImage,
  cacheFile: string,
): Promise<readonly string[]> => {
  if (!existsSync('/dev/kvm')) return TCG
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return whenUnlocked(`${cacheFile}.lock`, async () => {
    const [known, answer] = existsSync(cacheFile) ? readFileSync(cacheFile, 'utf8').split(' ') : []
    if (known === boot) return answer === 'yes' ? KVM : TCG
    const works = await boots([...KVM, '-kernel', image.kernel, '-initrd', image.initrd])
    writeFileSync(cacheFile, `${boot} ${works ? 'yes' : 'no'}`)
    return works ? KVM : TCG
  })
}

const QUIET = ['-m', '256', '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio']

/** Whether a kernel prints its name within some seconds. */
const boots = (args: readonly string[]): Promise<boolean> =>
  new Promise(resolve => {
    const argv = [...args, ...QUIET, '-append', 'console=ttyS0 panic=-1']
    const child = spawn('qemu-system-x86_64', argv, { stdio: ['ignore', 'pipe', 'ignore'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), 8000)
    let said = ''
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString()
      if (said.includes('Linux version')) child.kill('SIGKILL')
    })
    child.on('error', () => resolve(false))
    child.on('close', () => {
      clearTimeout(timer)
      resolve(said.includes('Linux version'))
    })
  })
