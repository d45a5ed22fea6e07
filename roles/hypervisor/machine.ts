import {
  ask,
  quote,
  resource,
  Secret,
  TaskError,
  type Common,
  type HostKey,
  type PlannedChange,
} from '../../lib/index.ts'
import { cloudInit } from './cloud-init.ts'
import { addedDisks, domainXml, driftOf, type Machine } from './domain.ts'
import type { GuestKeys } from './guest.ts'
import { ignition } from './ignition.ts'
import { NAMESPACE } from './notes.ts'
import { DOMAINS, NO_VIRSH, readDomains, withoutDomain, type FoundDomain } from './survey.ts'
import { shutDown, VIRSH } from './virsh.ts'
import { markOf } from './wanted.ts'
import { imagesFit, libvirtSays, makeVolumes, type Volume } from './volumes.ts'

export interface MachineOptions extends Common {
  readonly machine: Machine
  readonly pool: string
  readonly volumes: readonly Volume[]
  /** For a machine that is to be made. */
  readonly key?: HostKey | undefined
  readonly authorized: readonly string[]
  /** Group that QEMU runs as. */
  readonly group: string
}

/** Is there one that is fmc's, and is it not to be made anew? */
export const stays = (found: FoundDomain | undefined, recreateBefore?: number): boolean =>
  found?.notes !== undefined &&
  (recreateBefore === undefined || found.notes.created >= recreateBefore)

/**
 * A virtual machine that runs and starts with its hypervisor. One that is there is never defined anew: in what it
 * differs is told, and nothing done about it.
 */
export const machine = resource({
  name: (o: MachineOptions) => `VM ${o.machine.name}`,
  needs: o => ({
    domains: DOMAINS,
    leftover: ask('path', leftover(o)),
    root: ask('path', o.volumes[0]?.file ?? o.pool),
  }),
  plan(o, { domains, leftover: begun, root }, { doubt }) {
    const said = libvirtSays(domains, doubt)
    const found = ownOf(o.machine, readDomains(said ?? ''))
    if (found)
      return [...extended(o, found), ...revived(found), ...(begun === null ? [] : [whole(o)])]
    if (root === null || begun !== null) return made(o)
    // It will be found when libvirt runs.
    if (said === undefined) return []
    throw new TaskError(
      `${o.volumes[0]?.file ?? ''} is there, but no VM ${o.machine.name}: it belongs to something that fmc did not make`,
      { hint: 'look what is in it, then move it away; data disks may stay, they are taken over' },
    )
  },
  drift(o, { domains }, { doubt }) {
    const all = readDomains(libvirtSays(domains, doubt) ?? '')
    const found = ownOf(o.machine, all)
    if (!found) return undefined
    const drift = driftOf(o.machine, found)
    return drift.length === 0 ? undefined : `drift, left as it is: ${drift.join('; ')}`
  },
})

/** The domain of a machine among all; TaskError when another one has its name, its UUID, a MAC or an address of it. */
export function ownOf(
  { name, uuid, nics, notes }: Machine,
  all: readonly FoundDomain[],
): FoundDomain | undefined {
  const foreign = (what: string, found: FoundDomain): TaskError =>
    new TaskError(
      `${what} belongs to the domain ${found.name} (${found.uuid}), which is not fmc's, or has other notes than fmc's (virsh metadata ${quote(found.name)} ${NAMESPACE})`,
      {
        hint: `rename or remove that one (virsh domrename, virsh undefine), or take ${name} out of the inventory`,
      },
    )
  const own = all.find(d => d.name === name)
  if (own && (own.notes === undefined || own.uuid !== uuid)) throw foreign(`the name ${name}`, own)
  for (const other of all.filter(d => d !== own)) {
    if (other.uuid === uuid) throw foreign(`the UUID of ${name}`, other)
    const mac = nics.find(nic => other.nics.some(n => n.mac === nic.mac))
    if (mac) throw foreign(`${mac.mac}, the MAC of ${name},`, other)
    const address = notes.guest.nics.find(nic =>
      other.notes?.guest.nics.some(n => n.address === nic.address),
    )
    if (address) throw foreign(`${address.address}, the address of ${name},`, other)
  }
  return own
}

/** A disk more needs no other machine: it is plugged in. */
const extended = (o: MachineOptions, found: FoundDomain): PlannedChange[] =>
  addedDisks(o.machine, found).map(({ disk, xml }) => {
    const volumes = o.volumes.filter(v => v.file === disk.file)
    return {
      what: `add disk ${disk.serial}: ${volumes.map(v => v.gigabytes).join('')} GB`,
      script: `${VIRSH}${makeVolumes(volumes)}
in=${quote(xml)}
v attach-device ${quote(found.name)} /dev/stdin --persistent`,
    }
  })

/** What is no drift but a machine that is off, or would be after a reboot. */
const revived = ({ name, state, autostart }: FoundDomain): PlannedChange[] => [
  ...(autostart ? [] : [{ what: 'autostart', script: `${VIRSH}v autostart ${quote(name)}` }]),
  ...(['shut off', 'crashed'].includes(state)
    ? [{ what: 'start', script: `${VIRSH}v start ${quote(name)}` }]
    : []),
]

const leftover = ({ pool, machine: { name } }: MachineOptions): string => markOf(pool, name)

const whole = (o: MachineOptions): PlannedChange => ({
  what: 'is whole',
  script: `rm -f -- ${quote(leftover(o))}`,
})

/** How long a machine that is to be made anew may take to shut down. */
const SHUTDOWN_SECONDS = 60

/**
 * A machine that is to be made anew is gone, but for its data disks. This comes before it gets another host key: an
 * interrupted run leaves either a machine that answers with the key it has, or none, which the next run makes.
 */
export const noOldMachine = resource({
  name: (o: MachineOptions & { readonly madeBefore: number }) => `no old VM ${o.machine.name}`,
  needs: () => ({ domains: DOMAINS }),
  plan(o, { domains }) {
    const said = domains.code === NO_VIRSH ? '' : (libvirtSays(domains, false) ?? '')
    const found = ownOf(o.machine, readDomains(said))
    if (!found || stays(found, o.madeBefore)) return []
    const name = quote(found.name)
    return [
      {
        what: 'remove it; its data disks stay',
        script: `${imagesFit(o.volumes)}
${VIRSH}: >${quote(leftover(o))}; sync -- ${quote(leftover(o))}
${shutDown(found.name, SHUTDOWN_SECONDS)}v undefine ${name} --managed-save --snapshots-metadata`,
        factsAfter: [
          [DOMAINS, { ...domains, stdout: withoutDomain(said, found.name) }],
          [ask('path', leftover(o)), { type: 'file', mode: '0644', owner: 'root', group: 'root' }],
        ],
        timeoutMs: (SHUTDOWN_SECONDS + 120) * 1000,
      },
    ]
  },
})

/**
 * In this order: the mark, disks, first-boot configuration, definition; then it is whole, and is started. What a killed
 * run left of its configuration goes: a host key is in it.
 */
function made(o: MachineOptions): PlannedChange[] {
  const { name, memoryMb, vcpus } = o.machine
  const keys: GuestKeys = {
    private: o.key?.private.reveal() ?? '',
    public: o.key?.public ?? '',
    authorized: o.authorized,
  }
  const [word, mark] = [quote(name), quote(leftover(o))]
  return [
    {
      what: `make its disks: ${o.volumes.map(v => `${v.gigabytes} GB${v.image === undefined ? '' : ` on ${o.machine.notes.image}`}`).join(', ')}`,
      script: `${imagesFit(o.volumes)}\n: >${mark}; sync -- ${mark}\n${makeVolumes(o.volumes)}`,
    },
    {
      what: `define: ${vcpus} vCPU, ${memoryMb} MB, ${o.machine.nics.map(nic => `${nic.mac} in ${nic.source}`).join(', ')}`,
      script: new Secret(
        `${VIRSH}rm -rf -- ${quote(`${o.pool}/.${name}.`)}??????
dir=$(mktemp -d ${quote(`${o.pool}/.${name}.XXXXXX`)}); trap 'rm -rf -- "$dir"' EXIT; umask 077
${firstBoot(o, keys)}
umask 022
printf %s ${quote(domainXml(o.machine))} >"$dir/domain.xml"
v define --validate "$dir/domain.xml" >/dev/null
v autostart ${word} >/dev/null
rm -f -- ${mark}`,
        o.key?.private.name,
      ),
    },
    { what: 'start', script: `${VIRSH}v start ${word}` },
  ]
}

function firstBoot({ machine: m, group }: MachineOptions, keys: GuestKeys): string {
  if (m.firstBoot.kind === 'ignition') {
    const file = quote(m.firstBoot.file)
    // QEMU itself reads it, and libvirt hands over only disks; SELinux wants to hear that it may.
    return `printf %s ${quote(ignition(m.notes.guest, keys))} >"$dir/config.ign"
chown ${quote(`root:${group}`)} "$dir/config.ign"; chmod 0640 "$dir/config.ign"
! selinuxenabled 2>/dev/null || chcon -t virt_content_t "$dir/config.ign"
mv -fT "$dir/config.ign" ${file}`
  }
  const files: readonly [string, string][] = Object.entries(cloudInit(m.notes.guest, keys, m.uuid))
  return `mkdir "$dir/cidata"
${files.map(([name, text]) => `printf %s ${quote(text)} >"$dir/cidata/${name}"`).join('\n')}
said=$(xorriso -as mkisofs -V cidata -J -r -o "$dir/seed.iso" "$dir/cidata" 2>&1) || { printf '%s\\n' "$said" >&2; exit 1; }
mv -fT "$dir/seed.iso" ${quote(m.firstBoot.iso)}`
}
