import { NAMESPACE, type Notes } from './notes.ts'
import type { DomainDisk, DomainNic, FoundDomain } from './survey.ts'
import { escapeXml } from '../host/xml.ts'

/** A virtual machine, as libvirt needs to know it. */
export interface Machine {
  readonly name: string
  readonly uuid: string
  readonly memoryMb: number
  readonly vcpus: number
  /** QEMU without hardware virtualization. */
  readonly emulation: boolean
  /** qcow2 files; the machine boots from the first. */
  readonly disks: readonly DomainDisk[]
  readonly nics: readonly DomainNic[]
  readonly firstBoot:
    | { readonly kind: 'cloud-init'; readonly iso: string }
    | { readonly kind: 'ignition'; readonly file: string }
  /** Log file of its serial console. */
  readonly console: string
  readonly notes: Notes
}

/** The name by which the guest finds its NoCloud disk. */
const SEED_SERIAL = 'cidata'
/** Free PCI slots for disks that are added later: q35 cannot plug a disk into the root bus while it runs. */
const SPARE_SLOTS = 6

/** libvirt's definition of a machine. libvirt adds what is left out, and keeps it (formatdomain). */
export const domainXml = (m: Machine): string =>
  [
    `<domain type='${m.emulation ? 'qemu' : 'kvm'}'>`,
    `  <name>${escapeXml(m.name)}</name>`,
    `  <uuid>${m.uuid}</uuid>`,
    `  <metadata><fmc:machine xmlns:fmc='${NAMESPACE}'>${escapeXml(JSON.stringify(m.notes))}</fmc:machine></metadata>`,
    `  <memory unit='MiB'>${m.memoryMb}</memory>`,
    `  <vcpu>${m.vcpus}</vcpu>`,
    // Flatcar reads its Ignition configuration from here.
    ...(m.firstBoot.kind === 'ignition'
      ? [
          "  <sysinfo type='fwcfg'>",
          `    <entry name='opt/org.flatcar-linux/config' file='${escapeXml(m.firstBoot.file)}'/>`,
          '  </sysinfo>',
        ]
      : []),
    "  <os><type arch='x86_64' machine='q35'>hvm</type></os>",
    '  <features><acpi/><apic/></features>',
    // EL 9 needs x86-64-v2, which QEMU's default processor does not offer.
    `  <cpu mode='${m.emulation ? 'maximum' : 'host-model'}'/>`,
    "  <clock offset='utc'/>",
    '  <on_poweroff>destroy</on_poweroff>',
    '  <on_reboot>restart</on_reboot>',
    '  <on_crash>restart</on_crash>',
    '  <devices>',
    ...m.disks.flatMap((disk, n) => diskXml(disk, target(n), n === 0)),
    ...(m.firstBoot.kind === 'cloud-init' ? seedXml(m.firstBoot.iso) : []),
    ...m.nics.map(nicXml),
    "    <controller type='pci' model='pcie-root'/>",
    ...Array.from(
      { length: m.disks.length + m.nics.length + SPARE_SLOTS },
      () => "    <controller type='pci' model='pcie-root-port'/>",
    ),
    "    <controller type='usb' model='none'/>",
    `    <serial type='pty'><log file='${escapeXml(m.console)}' append='on'/></serial>`,
    "    <console type='pty'/>",
    "    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
    "    <memballoon model='virtio'/>",
    '  </devices>',
    '</domain>',
    '',
  ].join('\n')

/** vda, vdb … */
const target = (n: number): string => `vd${String.fromCharCode(97 + n)}`

const diskXml = ({ file, serial }: DomainDisk, dev: string, boots: boolean): readonly string[] => [
  "    <disk type='file' device='disk'>",
  "      <driver name='qemu' type='qcow2' discard='unmap'/>",
  `      <source file='${escapeXml(file)}'/>`,
  `      <target dev='${dev}' bus='virtio'/>`,
  `      <serial>${escapeXml(serial)}</serial>`,
  ...(boots ? ["      <boot order='1'/>"] : []),
  '    </disk>',
]

/** A disk and not a CD-ROM: a kernel for clouds may only have virtio drivers. */
const seedXml = (iso: string): readonly string[] => [
  "    <disk type='file' device='disk'>",
  "      <driver name='qemu' type='raw'/>",
  `      <source file='${escapeXml(iso)}'/>`,
  "      <target dev='vdz' bus='virtio'/>",
  '      <readonly/>',
  `      <serial>${SEED_SERIAL}</serial>`,
  '    </disk>',
]

const nicXml = ({ mac, source }: DomainNic): string => {
  const [type = '', name = ''] = source.split(' ')
  return `    <interface type='${type}'><mac address='${mac}'/><source ${type}='${escapeXml(name)}'/><model type='virtio'/></interface>`
}

/** Disks that were added to the inventory later, with libvirt's definition for virsh attach-device. */
export function addedDisks(
  { disks }: Machine,
  found: FoundDomain,
): readonly { readonly disk: DomainDisk; readonly xml: string }[] {
  const free = Array.from({ length: 25 }, (_, n) => target(n)).filter(
    name => !found.disks.some(d => d.target === name),
  )
  // If not even the root disk matches, the files are in another directory: that is drift.
  if (!isAttached(disks[0], found)) return []
  return disks
    .filter(disk => !found.disks.some(d => d.file === disk.file))
    .map((disk, n) => ({ disk, xml: `${diskXml(disk, free[n] ?? '', false).join('\n')}\n` }))
}

const isAttached = (disk: DomainDisk | undefined, { disks }: FoundDomain): boolean =>
  disks.some(d => d.file === disk?.file)

/** How a domain differs from the inventory, in words; a difference that only recreating can remove says so. */
export function driftOf(wanted: Machine, found: FoundDomain): readonly string[] {
  const megabytes = (kb: number): string => `${Math.round((kb / 1024) * 10) / 10} MB`
  const drift: string[] = []
  const wantedKb = wanted.memoryMb * 1024
  if (found.memoryKb !== wantedKb)
    drift.push(`memory is ${megabytes(found.memoryKb)} instead of ${wanted.memoryMb} MB`)
  const given = found.givenKb.find(kb => kb !== found.memoryKb)
  if (given !== undefined)
    drift.push(`it has only ${megabytes(given)} of its ${megabytes(found.memoryKb)} (virsh setmem)`)
  if (found.vcpus !== wanted.vcpus)
    drift.push(`vCPUs are ${found.vcpus} instead of ${wanted.vcpus}`)
  if (!['running', 'idle', 'shut off', 'crashed'].includes(found.state))
    drift.push(`it is ${found.state}`)
  return [
    ...drift,
    ...diskDrift(wanted, found),
    ...nicDrift(wanted, found),
    ...firstBootDrift(wanted, found),
  ]
}

function diskDrift(wanted: Machine, found: FoundDomain): string[] {
  const seed = wanted.firstBoot.kind === 'cloud-init' ? [wanted.firstBoot.iso] : []
  const rootless = isAttached(wanted.disks[0], found) ? [] : wanted.disks.map(d => d.file)
  const missing = [...rootless, ...seed].filter(file => !found.disks.some(d => d.file === file))
  const strange = found.disks.filter(
    d => !seed.includes(d.file) && !wanted.disks.some(w => w.file === d.file),
  )
  const renamed = wanted.disks.filter(w =>
    found.disks.some(d => d.file === w.file && d.serial !== w.serial),
  )
  const sizes = Object.entries(wanted.notes.disks).flatMap(([file, gb]) => {
    const was = found.notes?.disks[file]
    return was === undefined || was === gb ? [] : [`${file} has ${was} GB instead of ${gb} GB`]
  })
  return [
    ...missing.map(file => `disk ${file} is not attached`),
    ...strange.map(d => `disk ${d.file} is not in the inventory`),
    ...renamed.map(d => `disk ${d.file} has another serial than ${d.serial}`),
    ...sizes,
  ]
}

function nicDrift(wanted: Machine, found: FoundDomain): string[] {
  const wrong = wanted.nics.flatMap(({ mac, source }) => {
    const there = found.nics.find(n => n.mac === mac)
    if (!there) return [`there is no network card ${mac} in ${source}`]
    return there.source === source ? [] : [`${mac} is in ${there.source} instead of ${source}`]
  })
  const strange = found.nics.filter(n => !wanted.nics.some(w => w.mac === n.mac))
  return [...wrong, ...strange.map(n => `network card ${n.mac} is not in the inventory`)]
}

/** A machine reads its first-boot configuration once: to change it, the machine must be recreated. */
function firstBootDrift({ notes }: Machine, { notes: then }: FoundDomain): string[] {
  if (!then) return []
  const keys = Object.keys({ ...notes.guest, ...then.guest }) as (keyof Notes['guest'])[]
  const changed: string[] = keys.filter(
    key => JSON.stringify(notes.guest[key]) !== JSON.stringify(then.guest[key]),
  )
  if (notes.authorized && JSON.stringify(notes.authorized) !== JSON.stringify(then.authorized))
    changed.push('authorized keys')
  return changed.length === 0
    ? []
    : [
        `its first-boot configuration differs (${changed.join(', ')}): recreate required, with -e '{"hypervisor_recreate": ["${notes.guest.name}"]}'`,
      ]
}
