import { ask, quote, resource, Secret, TaskError, type PlannedChange } from '../../../lib/index.ts'
import { cloudInit } from './cloud-init.ts'
import { addedDisks, domainXml, driftOf, type Machine } from './domain.ts'
import type { GuestKeys } from './guest.ts'
import { ignition } from './ignition.ts'
import { NAMESPACE } from './notes.ts'
import { DOMAINS, NO_VIRSH, readDomains, withoutDomain, type FoundDomain } from './survey.ts'
import { libvirtSays, shutDown, VIRSH } from '../host/virsh.ts'
import { markOf, type DeclaredVm } from './declared.ts'
import { imagesFit, makeVolumes } from './volumes.ts'

/** Does the domain stay? true if fmc created it, and it need not be recreated (it is newer than `recreateBefore`). */
export const stays = (found: FoundDomain | undefined, recreateBefore?: number): boolean =>
  found?.notes !== undefined &&
  (recreateBefore === undefined || found.notes.created >= recreateBefore)

/**
 * A virtual machine that runs and starts with its hypervisor. An existing one is never redefined: its differences are
 * reported as drift and left alone.
 */
export const runningVm = resource({
  name: (o: DeclaredVm) => `VM ${o.machine.name}`,
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
    // libvirt will find it once it runs.
    if (said === undefined) return []
    throw new TaskError(
      `${o.volumes[0]?.file ?? ''} exists, but no VM ${o.machine.name}: fmc did not create this file`,
      {
        hint: 'check what it contains, then move it away; data disks may stay: the new VM takes them over',
      },
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

/** The domain of a machine among all. Throws TaskError if another domain has its name, UUID, a MAC or an address of it. */
export function ownOf(
  { name, uuid, nics, notes }: Machine,
  all: readonly FoundDomain[],
): FoundDomain | undefined {
  const foreign = (what: string, found: FoundDomain): TaskError =>
    new TaskError(
      `${what} belongs to the domain ${found.name} (${found.uuid}), which fmc did not create, or whose notes were changed (virsh metadata ${quote(found.name)} ${NAMESPACE})`,
      {
        hint: `rename or remove that domain (virsh domrename, virsh undefine), or take ${name} out of the inventory`,
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

/** Creates disks that were added to the inventory, and attaches them to the running machine. */
const extended = (o: DeclaredVm, found: FoundDomain): PlannedChange[] =>
  addedDisks(o.machine, found).map(({ disk, xml }) => {
    const volumes = o.volumes.filter(v => v.file === disk.file)
    return {
      what: `add disk ${disk.serial}: ${volumes.map(v => v.gigabytes).join('')} GB`,
      script: `${VIRSH}${makeVolumes(volumes)}
in=${quote(xml)}
v attach-device ${quote(found.name)} /dev/stdin --persistent`,
    }
  })

/** Starts a machine that is off, and sets it to start with the hypervisor. */
const revived = ({ name, state, autostart }: FoundDomain): PlannedChange[] => [
  ...(autostart ? [] : [{ what: 'autostart', script: `${VIRSH}v autostart ${quote(name)}` }]),
  ...(['shut off', 'crashed'].includes(state)
    ? [{ what: 'start', script: `${VIRSH}v start ${quote(name)}` }]
    : []),
]

const leftover = ({ pool, machine: { name } }: DeclaredVm): string => markOf(pool, name)

const whole = (o: DeclaredVm): PlannedChange => ({
  what: 'remove the mark of an unfinished one',
  script: `rm -f -- ${quote(leftover(o))}`,
})

/** How long a machine that is recreated may take to shut down. */
const SHUTDOWN_SECONDS = 60

/**
 * Removes a machine that is recreated, except its data disks. This comes before the new host key: an interrupted run
 * leaves either the old machine with its old key, or no machine, which the next run creates.
 */
export const noOldVm = resource({
  name: (o: DeclaredVm & { readonly madeBefore: number }) => `no old VM ${o.machine.name}`,
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
 * Creates a machine: mark, disks, first-boot configuration, definition. Then the mark goes, and the machine starts. Files
 * that a killed run left of its first-boot configuration are deleted, because they contain a host key.
 */
function made(o: DeclaredVm): PlannedChange[] {
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

function firstBoot({ machine: m, group }: DeclaredVm, keys: GuestKeys): string {
  if (m.firstBoot.kind === 'ignition') {
    const file = quote(m.firstBoot.file)
    // QEMU reads this file itself, and libvirt labels only disks for SELinux; so it is labelled here.
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
