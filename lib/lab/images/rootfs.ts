import { chmodSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { machine } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchArtifact } from '../../artifacts/fetch.ts'
import { archOf } from '../../artifacts/resolve.ts'
import { FmcError } from '../../errors.ts'
import type { Host, Inventory, LabImage, Os } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { at, once } from './cached.ts'
import { addLayer } from './images.ts'
import { labFiles } from '../paths.ts'
import type { Personality } from '../state.ts'

/** An unpacked root file system of lab.images: the lower layer of machines, never written to. */
export interface Rootfs {
  readonly root: string
  /** A directory of packages for its package manager. */
  readonly repo: string | undefined
}

/** Where a personality's package manager looks for packages. */
export const PACKAGES: Readonly<Record<Personality, string | undefined>> = {
  debian: '/srv/mirror',
  debian13: '/srv/mirror',
  el9: '/srv/repo',
  flatcar: undefined,
}

/** The index of a directory of packages (createrepo_c(8), apt-ftparchive(1)). */
const INDEX: Readonly<Partial<Record<Personality, string>>> = {
  debian: 'Packages',
  debian13: 'Packages',
  el9: 'repodata/repomd.xml',
}

/** The personality for a host's operating system; a virtual machine of EL or of Debian 13 is Debian 12's. */
export const personalityOf = ({ os }: Pick<Host, 'os'>, vm = false): Personality => {
  if (os.family === 'flatcar') return 'flatcar'
  if (isDebian13(os) && !vm) return 'debian13'
  return os.family === 'el' && !vm ? 'el9' : 'debian'
}

/** The directory below files/lab of what a personality's hosts share. */
export const layerOf = (personality: Personality): string =>
  personality === 'debian13' ? 'debian' : personality

const isDebian13 = ({ name, version }: Os): boolean =>
  name === 'debian' && version?.split('.')[0] === '13'

/**
 * The root file systems that lab.images names for these hosts, by OS: from the cache, or fetched, checked and unpacked
 * now. Throws an FmcError that names the key and the reason: the file cannot be fetched, is not a tar archive, belongs to
 * another OS, or lacks what a machine of the lab needs.
 */
export const rootFileSystems = async (
  inventory: Inventory,
  hosts: readonly Pick<Host, 'os'>[],
  log: (text: string) => void,
): Promise<ReadonlyMap<Os['name'], Rootfs>> => {
  const found = new Map<Os['name'], Rootfs>()
  for (const host of hosts) {
    const image = inventory.lab.images[host.os.name]
    if (image !== undefined && !found.has(host.os.name))
      found.set(host.os.name, await unpacked(host, image, log))
  }
  return found
}

const unpacked = async (
  host: Pick<Host, 'os'>,
  image: LabImage,
  log: (text: string) => void,
): Promise<Rootfs> => {
  const [os, personality] = [host.os.name, personalityOf(host)]
  const key = `lab.images.${os}`
  const { repo, url, sha256 } = image
  const index = join(repo ?? '', INDEX[personality] ?? '')
  if (repo !== undefined && !exists(index))
    throw new FmcError(`${key}.repo: there is no ${index}`, {
      hint: 'repo is a directory of packages with an index made by createrepo_c or apt-ftparchive',
    })
  const source = repo === undefined ? '' : (PACKAGES[personality] ?? '')
  const files = new RegExp(`^(common|${layerOf(personality)})/(nspawn/|rootfs)|^common/setup`)
  const path = at(`rootfs-${os}`, files, [sha256, source].join(' '))
  await once(path, async dir => {
    const local = url.startsWith('file:') ? { path: fileURLToPath(url) } : { url }
    const archive = await fetchArtifact({
      ...{ name: os, key, arch: archOf(machine()), version: '', format: 'binary' },
      ...{ member: undefined, source: local, sha256, memberSha256: undefined },
    })
    log(`unpacking ${url} (once)`)
    const root = join(dir, 'root')
    await unpack(archive.path, root, `${key}: ${url}`)
    check(root, os, `${key}: ${url}`)
    for (const [layer, script] of [
      [layerOf(personality), 'rootfs.sh'],
      ['common', 'setup.sh'],
      ['common', 'rootfs.sh'],
    ] as const)
      await addLayer(join(labFiles(), layer), ['nspawn', script], root, source)
  })
  return { root: join(path, 'root'), repo }
}

/** Unpacks with numeric owners and extended attributes (file capabilities); GNU tar detects the compression. */
const unpack = async (archive: string, root: string, what: string): Promise<void> => {
  mkdirSync(root)
  chmodSync(root, 0o755)
  const options = ['--numeric-owner', '--same-owner', '--same-permissions', '--xattrs']
  const argv = ['tar', '--extract', ...options, '--xattrs-include=*', '-f', archive, '-C', root]
  const { code, stderr } = await exec(argv, { allowFailure: true })
  if (code !== 0)
    throw new FmcError(`${what} cannot be unpacked as a tar archive\n${lastLines(stderr)}`)
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-3).join('\n')

const NEEDS = [
  { what: 'systemd', paths: ['usr/lib/systemd/systemd'] },
  { what: 'sshd', paths: ['usr/sbin/sshd'] },
  {
    what: "sshd's unit",
    paths: ['sshd.service', 'ssh.service', 'sshd.socket'].map(u => `usr/lib/systemd/system/${u}`),
  },
  { what: 'os-release', paths: ['usr/lib/os-release'] },
] as const

/** Directories that the lab writes to: none may be a link, which might lead out of the root. */
const PLACES = [
  'etc',
  'etc/ssh',
  'etc/systemd',
  'etc/systemd/system',
  'root',
  'usr',
  'usr/lib',
  'var',
]
const QUIET = { throwIfNoEntry: false } as const

const check = (root: string, os: Os['name'], what: string): void => {
  const link = PLACES.find(place => lstatSync(join(root, place), QUIET)?.isSymbolicLink())
  if (link !== undefined)
    throw new FmcError(`${what}: /${link} is a link, but the lab writes to that directory`)
  const missing = NEEDS.filter(need => !need.paths.some(path => exists(join(root, path))))
  if (missing.length > 0)
    throw new FmcError(
      `${what} lacks ${missing.map(need => `${need.what} (${need.paths.join(' or ')})`).join(', ')}`,
      { hint: 'add it to the root file system: every machine of the lab needs it' },
    )
  const release = readFileSync(join(root, 'usr/lib/os-release'), 'utf8')
  const id = /^ID=["']?([^"'\n]*)/m.exec(release)?.[1] ?? 'nothing'
  if (id !== os) throw new FmcError(`${what} is not ${os}: its os-release says ${id}`)
}

/** Whether a path exists; a link counts as itself, since outside its root it leads elsewhere. */
const exists = (path: string): boolean => lstatSync(path, QUIET) !== undefined
