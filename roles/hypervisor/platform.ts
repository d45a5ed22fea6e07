import { TaskError, type Os } from '../../lib/index.ts'

/** All that differs between operating systems. */
export interface Platform {
  readonly packages: readonly string[]
  /** What VMs are made of and run in: not needed where there are none. */
  readonly emulator: readonly string[]
  /** Daemons that start on demand and stop when idle; enabled, they start what autostarts at boot. */
  readonly daemons: readonly string[]
  /** What libvirt needs and its packages do not bring: without dnsmasq nobody makes the directory of networks' states. */
  readonly directories: readonly string[]
  /** Group that QEMU runs as. */
  readonly qemuGroup: string
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  debian: {
    // libvirtd 9.0 with a network and without dnsmasq crashes when it is restarted.
    packages: ['libvirt-daemon-system', 'libvirt-clients', 'dnsmasq-base'],
    emulator: ['qemu-system-x86', 'qemu-utils', 'xorriso'],
    daemons: ['libvirtd'],
    directories: ['/var/lib/libvirt/dnsmasq'],
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
    qemuGroup: 'qemu',
  },
}

/** Throws TaskError for an operating system that cannot be a hypervisor. */
export function platformOf(os: Os): Platform {
  const platform = PLATFORMS[os.family]
  if (platform) return platform
  throw new TaskError(
    `a hypervisor on ${os.name} is not supported: it has no packages of libvirt`,
    {
      hint: `use a host with one of: ${Object.keys(PLATFORMS).join(', ')}`,
    },
  )
}
