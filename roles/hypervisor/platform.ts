import type { Platforms } from '../../lib/index.ts'

/** All that differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** What VMs are made of and run in: not needed where there are none. */
  readonly emulator: readonly string[]
  /** Daemons that start on demand and stop when idle; enabled, they start what autostarts at boot. */
  readonly daemons: readonly string[]
  /** What libvirt needs and its packages do not bring: without dnsmasq nobody makes the directory of networks' states. */
  readonly directories: readonly string[]
  /** What libvirt-guests.service is told by. */
  readonly guests: string
  /** NetworkManager makes the LAN's bridge, by nmstatectl(8). Elsewhere networkd or ifupdown does, whichever is in use. */
  readonly nmstate: boolean
  /** A firewall that passes nothing on unless it is told to. */
  readonly firewalld: boolean
  /** Group that QEMU runs as. */
  readonly qemuGroup: string
}

export const PLATFORMS: Platforms<Platform> = {
  debian: {
    // libvirtd 9.0 with a network and without dnsmasq crashes when it is restarted.
    packages: ['libvirt-daemon-system', 'libvirt-clients', 'dnsmasq-base'],
    emulator: ['qemu-system-x86', 'qemu-utils', 'xorriso'],
    daemons: ['libvirtd'],
    directories: ['/var/lib/libvirt/dnsmasq'],
    guests: '/etc/default/libvirt-guests',
    nmstate: false,
    firewalld: false,
    qemuGroup: 'libvirt-qemu',
  },
  // RHEL 9 splits libvirtd: one daemon per driver.
  el: {
    packages: ['libvirt', 'nmstate'],
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
  },
}
