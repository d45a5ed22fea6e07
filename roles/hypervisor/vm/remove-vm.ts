import { quote, resource, TaskError, type Common, type PlannedChange } from '../../../lib/index.ts'
import { NAMESPACE } from './notes.ts'
import { DOMAINS, NO_VIRSH, readDomains, type FoundDomain } from './survey.ts'
import { libvirtSays, shutDown, VIRSH } from '../host/virsh.ts'

/** What becomes of a removed VM's disks. */
export type Disks = 'keep' | 'wipe'

/** How long a VM may take to shut down before it is powered off. */
const SHUTDOWN_SECONDS = 120

/** The hypervisor has no VM of this name. Throws TaskError for a VM that fmc did not create. */
export const noVm = resource({
  name: (o: Common & { readonly vm: string; readonly disks: Disks }) => `no VM ${o.vm}`,
  needs: () => ({ domains: DOMAINS }),
  plan({ vm, disks }, { domains }, { doubt }) {
    const said = domains.code === NO_VIRSH ? '' : libvirtSays(domains, doubt)
    const found = readDomains(said ?? '').find(d => d.name === vm)
    if (!found) return []
    if (!found.notes)
      throw new TaskError(`the domain ${vm} was not created by fmc, or its notes were changed`, {
        hint: `virsh metadata ${vm} ${NAMESPACE} shows the notes. If you undefine it by hand, delete its disks and first-boot files from the pool too`,
      })
    return removal(found, disks)
  },
})

/**
 * Off, disks, definition: in this order, so that an interrupted removal can be continued. A data disk that is kept keeps
 * its file name: a later VM of this name takes it over. A kept root disk is renamed: it would block that VM.
 */
export function removal({ name, state, disks }: FoundDomain, keep: Disks): PlannedChange[] {
  const word = quote(name)
  const of = (...serials: string[]): string[] =>
    disks.filter(d => serials.includes(d.serial)).map(d => d.file)
  const [root, seed] = [of('root'), of('cidata')]
  const data = disks.map(d => d.file).filter(f => ![...root, ...seed].includes(f))
  const firstBoot = [...seed, ...root.map(f => f.replace(/\.qcow2$/, '.ign'))]
  return [
    ...(state === 'shut off'
      ? []
      : [
          {
            what: 'shut down',
            script: VIRSH + shutDown(name, SHUTDOWN_SECONDS),
            timeoutMs: (SHUTDOWN_SECONDS + 60) * 1000,
          },
        ]),
    keep === 'wipe'
      ? {
          what: `delete ${[...root, ...data].join(', ')}`,
          script: `rm -f -- ${[...root, ...data].map(quote).join(' ')}`,
        }
      : {
          what: `keep ${[...root.map(f => `${f} as ${f}.removed-…`), ...data].join(', ')}`,
          script: root
            .map(
              f =>
                `[ ! -e ${quote(f)} ] || mv -T -- ${quote(f)} ${quote(`${f}.removed-`)}"$(date -u +%Y%m%dT%H%M%SZ)"`,
            )
            .join('\n'),
        },
    {
      what: 'undefine',
      // The first-boot configuration goes too: it contains the host key.
      script: `${VIRSH}v undefine ${word} --managed-save --snapshots-metadata
rm -f -- ${firstBoot.map(quote).join(' ')}`,
    },
  ]
}
