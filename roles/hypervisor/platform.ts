import type { Platforms } from '../../lib/index.ts'

/** What differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** Packages that only a host with VMs needs. */
  readonly emulator: readonly string[]
  /** Daemons that start on demand and stop when idle. Enabled, they start at boot what is set to autostart. */
  readonly daemons: readonly string[]
  /** Directories that libvirt needs and its packages do not create: that of networks' states comes with dnsmasq only. */
  readonly directories: readonly string[]
  /** Configuration file of libvirt-guests.service. */
  readonly guests: string
  /** true: nmstatectl(8) has NetworkManager create the LAN's bridge. false: networkd or ifupdown, whichever is in use. */
  readonly nmstate: boolean
  /** Does the distribution's firewalld run, which forwards nothing by default? */
  readonly firewalld: boolean
  /** Group of QEMU's processes. */
  readonly qemuGroup: string
}

const debian: Platform = {
  // libvirtd 9.0 with a network and without dnsmasq crashes when it is restarted.
  packages: ['libvirt-daemon-system', 'libvirt-clients', 'dnsmasq-base', 'iputils-ping'],
  emulator: ['qemu-system-x86', 'qemu-utils', 'xorriso'],
  daemons: ['libvirtd'],
  directories: ['/var/lib/libvirt/dnsmasq'],
  guests: '/etc/default/libvirt-guests',
  nmstate: false,
  firewalld: false,
  qemuGroup: 'libvirt-qemu',
}

/** Ubuntu's QEMU runs in the group kvm. */
const ubuntu: Platform = { ...debian, qemuGroup: 'kvm' }

/** RHEL 9 splits libvirtd: one daemon per driver. */
const el: Platform = {
  packages: ['libvirt', 'nmstate', 'iputils'],
  emulator: ['qemu-kvm', 'xorriso'],
  daemons: [
    'virtqemud',
    'virtnetworkd',
    'virtstoraged',
    'virtnodedevd',
    'virtsecretd',
    'virtnwfilterd',
  ],
  directories: [],
  guests: '/etc/sysconfig/libvirt-guests',
  nmstate: true,
  firewalld: true,
  qemuGroup: 'qemu',
}

export const PLATFORMS: Platforms<Platform> = {
  'debian 12': debian,
  'debian 13': debian,
  'ubuntu 24.04': ubuntu,
  'el 9': el,
}
