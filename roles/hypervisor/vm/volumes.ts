import {
  ask,
  nonsense,
  quote,
  quoteAll,
  resource,
  TaskError,
  type Common,
} from '../../../lib/index.ts'
import { libvirtSays, VIRSH } from '../host/virsh.ts'
import { escapeXml, first, parseXml } from '../host/xml.ts'

/** Prints every storage pool's definition, its state, and whether it starts with the host. Read-only. */
const POOLS = `${VIRSH}
names=$(v pool-list --all --name) || exit
for name in $names; do
  printf '%s\\n' "# $name $(v pool-info -- "$name" | tr -s ' \\n' ' ')"
  v pool-dumpxml -- "$name"
done`

interface FoundPool {
  readonly name: string
  readonly path: string
  readonly running: boolean
  readonly autostart: boolean
}

/** Parses the answer to POOLS. Throws TaskError. */
export const readPools = (text: string): readonly FoundPool[] =>
  text
    .split(/^# /m)
    .slice(1)
    .map(part => {
      const [info = ''] = part.split('\n', 1)
      const [pool] = parseXml(part.slice(info.length))
      const [name = ''] = info.split(' ', 1)
      if (!pool || !/^[^\p{Cc}/]{1,255}$/u.test(name))
        throw nonsense('virsh', 'the storage pools', part)
      return {
        name,
        path: first(pool, 'target', 'path').text,
        running: /\bState: running\b/.test(info),
        autostart: /\bAutostart: yes\b/.test(info),
      }
    })

const NAME = 'fmc'

/** A directory as libvirt's storage pool, active now and after a reboot. An existing pool keeps its name. */
export const storagePool = resource({
  name: (o: Common & { readonly path: string }) => `storage pool ${o.path}`,
  needs: () => ({ pools: ask('command', POOLS) }),
  plan({ path }, { pools }, { doubt }) {
    const found = libvirtSays(pools, doubt) === undefined ? [] : readPools(pools.stdout)
    const here = found.find(pool => pool.path === path)
    const other = found.find(pool => pool.name === NAME)
    if (!here && other)
      throw new TaskError(`the storage pool ${NAME} is at ${other.path}, not at ${path}`, {
        hint: 'set hypervisor_pool_path to where it is',
      })
    const name = here?.name ?? NAME
    const xml = `<pool type='dir'><name>${NAME}</name><target><path>${escapeXml(path)}</path></target></pool>`
    return [
      ...(here
        ? []
        : [
            {
              what: `define ${NAME}`,
              script: `[ -d ${quote(path)} ] || mkdir -p -m 0711 -- ${quote(path)}
${VIRSH}in=${quote(xml)}
v pool-define /dev/stdin`,
            },
          ]),
      ...(here?.running ? [] : [{ what: 'start', script: `${VIRSH}v pool-start ${quote(name)}` }]),
      ...(here?.autostart
        ? []
        : [{ what: 'autostart', script: `${VIRSH}v pool-autostart ${quote(name)}` }]),
    ]
  },
})

/** A disk of a machine. */
export interface Volume {
  readonly file: string
  readonly gigabytes: number
  /** Image that it is an overlay of. */
  readonly image?: string | undefined
}

/** The inventory's gigabyte: 1024 MB. */
const GIGABYTE = 1024 ** 3
const bytes = (gigabytes: number): number => Math.round(gigabytes * GIGABYTE)

/** Shell text that fails, under `set -e`, if a volume is smaller than its image. Changes nothing. */
export const imagesFit = (volumes: readonly Volume[]): string =>
  volumes
    .flatMap(({ gigabytes, image }) =>
      image === undefined
        ? []
        : [
            `need=$(qemu-img info --output=json -- ${quote(image)} | sed -n 's/^ *"virtual-size": \\([0-9]*\\).*/\\1/p' | tail -n 1)
[ "$need" -le ${bytes(gigabytes)} ] || { echo "${gigabytes} GB are less than the image's $((need / 1048576)) MB" >&2; exit 65; }`,
          ],
    )
    .join('\n')

/**
 * Shell text that creates a machine's volumes, under `set -e`. A root disk is an overlay: its image is never written to.
 * An existing data disk is kept.
 */
export const makeVolumes = (volumes: readonly Volume[]): string =>
  volumes
    .map(({ file, gigabytes, image }) => {
      const [word, candidate, size] = [quote(file), quote(`${file}.new`), bytes(gigabytes)]
      const move = `chmod 0600 ${candidate}; mv -fT -- ${candidate} ${word}`
      if (image === undefined)
        return `[ -e ${word} ] || { rm -f -- ${candidate}; qemu-img create -q -f qcow2 -- ${candidate} ${size}; ${move}; }`
      return `rm -f -- ${candidate} ${word}
qemu-img create -q -f qcow2 -F qcow2 -b ${quote(image)} -- ${candidate} ${size}; ${move}`
    })
    .join('\n')

interface Space extends Common {
  readonly path: string
  /** By how much root disks may grow beyond those that they replace. */
  readonly rootGb: number
  /** Existing ones are taken over. */
  readonly data: readonly Volume[]
  readonly overcommit: boolean
}

/** Prints the free bytes where the directory is or will be, and which of the volumes exist. */
const free = ({ path, data }: Space): string =>
  `p=${quote(path)}; while [ ! -d "$p" ]; do p=\${p%/*}; p=\${p:-/}; done; df -P -B1 -- "$p" | tail -n 1
for f in ${quoteAll(data.map(v => v.file))}; do [ ! -e "$f" ] || printf '%s\\n' "$f"; done`

/** Gigabytes that must be free even with overcommit: for an image and a machine's first days. */
const LEAST_GB = 2

/** Checks that the pool has room for new volumes at their full size. Changes nothing. */
export const roomFor = resource({
  name: (o: Space) => `room in ${o.path}`,
  needs: o => ({ df: ask('command', free(o)) }),
  plan({ path, rootGb, data, overcommit }, { df }) {
    const [space = '', ...there] = df.stdout.split('\n')
    const bytesFree = space.split(/\s+/)[3] ?? ''
    const available = /^\d{1,15}$/.test(bytesFree) ? Number(bytesFree) / GIGABYTE : NaN
    const added = data.filter(v => !there.includes(v.file))
    const gigabytes = added.reduce((sum, v) => sum + v.gigabytes, rootGb)
    const wanted = overcommit ? LEAST_GB : gigabytes
    if (Number.isNaN(available))
      throw new TaskError(`cannot read how much room ${path} has`, { output: df.stderr })
    if (available < wanted)
      throw new TaskError(
        `${path} has room for ${available.toFixed(1)} GB, and the new disks may grow to ${gigabytes.toFixed(1)} GB${overcommit ? `; ${LEAST_GB} GB are needed even so` : ''}`,
        overcommit
          ? {}
          : { hint: 'make room, or accept that it may run full: hypervisor_overcommit: true' },
      )
    return []
  },
})
