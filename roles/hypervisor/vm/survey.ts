import { ask, nonsense, probe, quote } from '../../../lib/index.ts'
import { readNotes, type Notes } from './notes.ts'
import { VIRSH } from '../host/virsh.ts'
import { find, first, parseXml, type Element } from '../host/xml.ts'

/** Prints every domain of libvirt, as defined and as running. Read-only. */
const SCRIPT = `${VIRSH}
ids=$(v list --all --uuid) || exit
words=
for id in $ids; do words="$words dominfo $id; dumpxml --inactive $id; dumpxml $id;"; done
[ -z "$words" ] || v "$words"`

/** All domains of the hypervisor. */
export const DOMAINS = ask('command', `sh -c ${quote(SCRIPT)}`)

/** Exit code of that question on a host without virsh, which has no domains. */
export const NO_VIRSH = 127

/** The domains now, even where an earlier task of the plan changes the host; undefined if libvirt does not answer. */
export async function domainsNow(): Promise<readonly FoundDomain[] | undefined> {
  const { exitCode, stdout } = await probe({ estimate: false })`sh -c ${SCRIPT}`
  return exitCode === 0 ? readDomains(stdout) : undefined
}

export interface DomainDisk {
  readonly file: string
  readonly serial: string
}

export interface FoundDisk extends DomainDisk {
  /** vda, vdb … */
  readonly target: string
}

export interface DomainNic {
  readonly mac: string
  /** `network kube_network_02` or `bridge br0`. */
  readonly source: string
}

export interface FoundDomain {
  readonly name: string
  readonly uuid: string
  /** virsh's word: running, shut off, paused … */
  readonly state: string
  readonly autostart: boolean
  readonly memoryKb: number
  /** Memory that it really has: as defined, and now. */
  readonly givenKb: readonly number[]
  readonly vcpus: number
  readonly disks: readonly FoundDisk[]
  readonly nics: readonly DomainNic[]
  /** undefined: fmc did not create the domain, or its notes were changed. */
  readonly notes: Notes | undefined
}

const partsOf = (text: string): readonly string[] =>
  text.split(/^(?=Id: )/m).filter(part => part.trim() !== '')

/** Parses the answer to DOMAINS. Throws TaskError for other text. */
export function readDomains(text: string): readonly FoundDomain[] {
  const found = partsOf(text).map(readDomain)
  for (const key of ['name', 'uuid'] as const)
    if (new Set(found.map(d => d[key])).size < found.length)
      throw nonsense('virsh', 'the domains', text, `a ${key} occurs twice`)
  return found
}

/** The answer without one of the domains. */
export const withoutDomain = (text: string, name: string): string =>
  partsOf(text)
    .filter(part => readDomain(part).name !== name)
    .join('')

function readDomain(text: string): FoundDomain {
  const start = text.indexOf('<')
  const info = new Map(
    text
      .slice(0, Math.max(start, 0))
      .split('\n')
      .map(line => /^([^:]+):\s*(.*)$/.exec(line))
      .map(match => [match?.[1] ?? '', match?.[2] ?? '']),
  )
  const [kept, now] = start < 0 ? [] : parseXml(text.slice(start))
  const [state, autostart] = [info.get('State'), info.get('Autostart')]
  if (!kept || !now || state === undefined || autostart === undefined)
    throw nonsense('virsh', 'the domains', text)
  const [name, uuid] = [first(kept, 'name').text, first(kept, 'uuid').text]
  if (!/^[^\p{Cc}/]{1,255}$/u.test(name) || !UUID.test(uuid))
    throw nonsense('virsh', 'the domains', `${name} ${uuid}`, 'expected a name and a UUID')
  return {
    name,
    uuid,
    state,
    autostart: autostart === 'enable',
    memoryKb: kilobytes(first(kept, 'memory')),
    givenKb: [kept, now].map(d => kilobytes(first(d, 'currentMemory'))),
    vcpus: count(first(kept, 'vcpu').text),
    disks: find(kept, 'devices', 'disk')
      .filter(disk => !REMOVABLE.has(disk.attributes['device'] ?? ''))
      .map(disk => ({
        file: first(disk, 'source').attributes['file'] ?? '',
        serial: first(disk, 'serial').text,
        target: first(disk, 'target').attributes['dev'] ?? '',
      })),
    nics: find(kept, 'devices', 'interface').map(nic => {
      const type = nic.attributes['type'] ?? ''
      return {
        mac: first(nic, 'mac').attributes['address'] ?? '',
        source: `${type} ${first(nic, 'source').attributes[type] ?? ''}`,
      }
    }),
    notes: readNotes(first(kept, 'metadata')),
  }
}

/** A medium in these drives may be in several domains, so it is not counted as a disk. */
const REMOVABLE = new Set(['cdrom', 'floppy'])

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** libvirt always prints sizes in KiB. */
function kilobytes({ text, attributes }: Element): number {
  if (attributes['unit'] === 'KiB') return count(text)
  throw nonsense('virsh', 'the domains', attributes['unit'] ?? 'no unit', 'expected KiB')
}

function count(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw nonsense('virsh', 'the domains', text, 'expected a number')
}
