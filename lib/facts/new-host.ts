import type { Facts, FamilyName, Query } from './index.ts'
import type { PathFact } from './path.ts'
import type { UnitFact } from './unit.ts'

/**
 * A newly installed host: the cloud image of its operating system after the first boot, with the host name, the user and the
 * blank data disks of its inventory entry. fmc plans hosts that do not exist yet from its facts. This file lists what every
 * installation has and what roles have asked for so far; everything else counts as absent. test/site.test.ts compares it
 * with real hosts.
 */
export interface NewHost {
  readonly name: string
  readonly os: 'debian' | 'el' | 'flatcar'
  /** Devices of its data disks. */
  readonly disks: readonly string[]
  /** The login user, made by the image or by cloud-init. */
  readonly user: string
}

interface Image {
  readonly packages: readonly string[]
  readonly directories: readonly string[]
  readonly files: readonly string[]
  /** UnitFileState and ActiveState. */
  readonly units: Readonly<Record<string, readonly [enabled: string, active: string]>>
  readonly users: Readonly<Record<string, number>>
}

/** Directories of filesystem(7) and file-hierarchy(7), and those of systemd and sshd. */
const DIRECTORIES =
  `/ /boot /dev /etc /etc/default /etc/modprobe.d /etc/modules-load.d /etc/profile.d /etc/security
  /etc/ssh /etc/ssh/sshd_config.d /etc/ssl /etc/sudoers.d /etc/sysctl.d /etc/systemd /etc/systemd/system
  /etc/systemd/network /etc/tmpfiles.d /etc/udev /etc/udev/rules.d /home /media /mnt /opt /proc /root /run /srv /sys
  /tmp /usr /usr/bin /usr/lib /usr/lib/systemd /usr/lib/systemd/system /usr/libexec /usr/local /usr/local/bin
  /usr/local/sbin /usr/sbin /usr/share /usr/share/zoneinfo /var /var/cache /var/lib /var/lib/systemd /var/log /var/spool
  /var/tmp`.split(/\s+/)
const MODES: Readonly<Record<string, string>> = {
  '/root': '0700',
  '/tmp': '1777',
  '/var/tmp': '1777',
  '/etc/sudoers.d': '0750',
}
const FILES = [
  '/etc/fstab',
  '/etc/hosts',
  '/etc/ssh/sshd_config',
  '/etc/os-release',
  '/etc/hostname',
]

/** Users that every image has, with their uid. */
const USERS = { root: 0, bin: 1, daemon: 2, nobody: 65534 }

/** Cloud images: cloud.debian.org genericcloud 12, AlmaLinux and Rocky GenericCloud 9, Flatcar stable for QEMU. */
const IMAGES: Readonly<Record<NewHost['os'], Image>> = {
  debian: {
    packages: [
      'ca-certificates',
      'curl',
      'dmsetup',
      'e2fsprogs',
      'iproute2',
      'openssl',
      'sudo',
      'tzdata',
    ],
    directories: ['/etc/apt', '/etc/apt/apt.conf.d', '/etc/apt/sources.list.d', '/etc/cron.d'],
    files: [],
    units: { ssh: ['enabled', 'active'] },
    users: { ...USERS, daemon: 1, bin: 2, sshd: 101 },
  },
  el: {
    packages: ['ca-certificates', 'chrony', 'curl', 'openssl', 'sudo', 'tzdata', 'NetworkManager'],
    directories: [
      '/usr/local/libexec',
      '/etc/NetworkManager',
      '/etc/selinux',
      '/etc/sysconfig',
      '/etc/yum.repos.d',
    ],
    files: ['/etc/chrony.conf'],
    units: {
      sshd: ['enabled', 'active'],
      chronyd: ['enabled', 'active'],
      NetworkManager: ['enabled', 'active'],
    },
    users: { ...USERS, sshd: 74, chrony: 991 },
  },
  flatcar: {
    packages: [],
    directories: ['/etc/exports.d', '/etc/iscsi'],
    files: ['/etc/iscsi/initiatorname.iscsi'],
    units: {
      sshd: ['disabled', 'inactive'],
      'sshd.socket': ['enabled', 'active'],
      'systemd-timesyncd': ['enabled', 'active'],
      'nfs-server': ['disabled', 'inactive'],
      iscsid: ['disabled', 'inactive'],
      'update-engine': ['enabled', 'active'],
      locksmithd: ['enabled', 'active'],
    },
    users: { ...USERS, sshd: 204, core: 500 },
  },
}

/** The kernel's defaults (Documentation/admin-guide/sysctl). */
const SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '0',
  'net.ipv4.ip_nonlocal_bind': '0',
  'net.ipv4.conf.all.rp_filter': '0',
  'vm.max_map_count': '65530',
  'fs.inotify.max_user_instances': '128',
}

const ROOTS = { owner: 'root', group: 'root' } as const
const NOTHING: UnitFact = { load: 'not-found', active: 'inactive', enabled: '', reload: false }

/** The answer of a command, which cannot be known in advance. */
const UNKNOWN = { code: 127, stdout: '', stderr: 'this host does not exist yet' } as const

type Answers = { readonly [F in FamilyName]: (host: NewHost, arg: string) => Facts[F] }

const ANSWERS: Answers = {
  path: pathOf,
  sha: () => null,
  content: () => null,
  staged: () => false,
  link: () => null,
  line: () => false,
  unit({ os }, arg) {
    const [enabled, active] = IMAGES[os].units[arg.replace(/\.service$/, '')] ?? []
    return enabled && active ? { load: 'loaded', active, enabled, reload: false } : NOTHING
  },
  deb: ({ os }, name) => (os === 'debian' && IMAGES[os].packages.includes(name) ? 'new' : null),
  rpm: ({ os }, name) => (os === 'el' && IMAGES[os].packages.includes(name) ? 'new' : null),
  debOffer: () => 'unknown',
  rpmOffer: () => 'unknown',
  user({ os, user }, name) {
    const uid = IMAGES[os].users[name] ?? (name === user ? 1000 : undefined)
    if (uid === undefined) return null
    return { uid, gid: uid, home: uid === 0 ? '/root' : `/home/${name}`, shell: '/bin/bash' }
  },
  group({ os, user }, name) {
    const gid = IMAGES[os].users[name] ?? (name === user ? 1000 : undefined)
    return gid === undefined ? null : { gid, members: [] }
  },
  sysctl: (_, key) => SYSCTLS[key.replaceAll('/', '.')] ?? '',
  sysctlFiles: () => [],
  module: () => false,
  mount: (_, dir) => (dir === '/' ? { source: '/dev/vda', type: 'ext4', options: ['rw'] } : null),
  block: ({ disks }, device) => (disks.includes(device) ? { type: null, label: null } : null),
  identity: ({ name }) => ({ hostname: name, staticHostname: name, timezone: 'Etc/UTC' }),
  os: () => null,
  pending: () => [],
  boot: () => ({ id: 'new', upSeconds: 0 }),
  system: ({ os }) => ({
    os: { ID: os },
    kernel: '',
    machine: '',
    cpus: 0,
    memoryMb: 0,
    bootId: 'new',
    addresses: [],
  }),
  command: () => UNKNOWN,
}

function pathOf({ os, user }: NewHost, path: string): PathFact | null {
  const { directories, files } = IMAGES[os]
  const home = path === `/home/${user}`
  if (home || DIRECTORIES.includes(path) || directories.includes(path))
    return {
      type: 'directory',
      mode: MODES[path] ?? (home ? '0700' : '0755'),
      ...(home ? { owner: user, group: user } : ROOTS),
    }
  const zone = path.startsWith('/usr/share/zoneinfo/')
  return zone || FILES.includes(path) || files.includes(path)
    ? { type: 'file', mode: '0644', ...ROOTS }
    : null
}

/** The answers of commands and of most kernel parameters are unknown in advance. */
const isKnown = ({ family, arg }: Query): boolean =>
  family === 'sysctl' ? arg.replaceAll('/', '.') in SYSCTLS : family !== 'command'

/**
 * The fact that a newly installed host would have, and whether it is known or only assumed. The query's own `whenNew` takes
 * precedence.
 */
export function factOfNew<F extends FamilyName>(
  host: NewHost,
  query: Query<F>,
): { readonly fact: Facts[F]; readonly known: boolean } {
  if (query.whenNew !== undefined) return { fact: query.whenNew, known: true }
  return { fact: ANSWERS[query.family](host, query.arg), known: isKnown(query) }
}
