import { quote, resource, TaskError, type Common, type PlannedChange } from '../../../lib/index.ts'
import { NAMESPACE } from './notes.ts'
import { DOMAINS, NO_VIRSH, readDomains, type FoundDomain } from './survey.ts'
import { libvirtSays, shutDown, VIRSH } from '../host/virsh.ts'

export type Disks = 'keep' | 'wipe'

/** How long a VM may take to shut down before its plug is pulled. */
const SHUTDOWN_SECONDS = 120

/** No VM of this name on the hypervisor that this runs for. One that fmc did not make is left alone, with an error. */
export const noVm = resource({
  name: (o: Common & { readonly vm: string; readonly disks: Disks }) => `no VM ${o.vm}`,
  needs: () => ({ domains: DOMAINS }),
  plan({ vm, disks }, { domains }, { doubt }) {
    const said = domains.code === NO_VIRSH ? '' : libvirtSays(domains, doubt)
    const found = readDomains(said ?? '').find(d => d.name === vm)
    if (!found) return []
    if (!found.notes)
      throw new TaskError(`the domain ${vm} is not fmc's, or its notes are not what fmc wrote`, {
        hint: `look at it (virsh metadata ${vm} ${NAMESPACE}); removed by hand, its disks and its first-boot files stay in the pool`,
      })
    return removal(found, disks)
  },
})

/**
 * In this order, so that an interrupted one is gone on with: off, disks, definition. A data disk that is kept keeps its
 * name: a VM of this name that is made later takes it over. The root disk does not: it would be in that one's way.
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
      // With what it was told at its first boot: its host key is in it.
      script: `${VIRSH}v undefine ${word} --managed-save --snapshots-metadata
rm -f -- ${firstBoot.map(quote).join(' ')}`,
    },
  ]
}
