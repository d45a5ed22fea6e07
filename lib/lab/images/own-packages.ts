import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { FmcError } from '../../errors.ts'
import type { Inventory, LabPackages, LabRpm } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { labFiles } from '../paths.ts'
import { at, once } from './cached.ts'
import { index, type Images } from './images.ts'

/** Two directories with their indexes: `debian` for apt, `el` for dnf. */
const FAMILIES = ['debian', 'el'] as const

/**
 * Where the packages of lab.packages are, or will be, in the cache: another place when they or their files change; undefined
 * when the inventory has none. Throws an FmcError that names the key of a directory that is not there.
 */
export const ownPackagesPath = ({ lab: { packages } }: Inventory): string | undefined => {
  if (packages === undefined) return undefined
  const hash = createHash('sha256').update(JSON.stringify(packages))
  for (const [key, dir] of dirsOf(packages)) {
    if (!existsSync(dir) || !lstatSync(dir).isDirectory())
      throw new FmcError(`lab.packages.${key}: there is no directory ${dir}`)
    addTree(hash, dir)
  }
  return at('own', /^(own|debian|el9)\/|^packages\.txt$/, hash.digest('hex'))
}

const dirsOf = ({ dir, el }: LabPackages): [key: string, dir: string][] => [
  ...(dir === undefined ? [] : [['dir', dir] as [string, string]]),
  ...Object.entries(el).flatMap(([name, { files }]): [string, string][] =>
    files === undefined ? [] : [[`el.${name}.files`, files]],
  ),
]

const addTree = (hash: ReturnType<typeof createHash>, dir: string): void => {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
  const paths = entries.map(entry => join(entry.parentPath, entry.name)).sort()
  for (const path of paths) {
    const stat = lstatSync(path)
    hash.update(`${path}\0${stat.mode}\0`)
    if (stat.isFile()) hash.update(readFileSync(path))
    else if (stat.isSymbolicLink()) hash.update(readlinkSync(path))
  }
}

/** Makes the packages of lab.packages unless they are in the cache (half a minute), and returns where they are. */
export const ownPackages = async (
  inventory: Inventory,
  images: Images,
  log: (text: string) => void,
): Promise<string | undefined> => {
  const path = ownPackagesPath(inventory)
  const { packages } = inventory.lab
  if (path === undefined || packages === undefined) return undefined
  await once(path, async dir => {
    log('making the packages of lab.packages (once; half a minute)')
    for (const name of [...FAMILIES, 'rpms']) mkdirSync(join(dir, name))
    if (packages.dir !== undefined) copyOwn(packages.dir, dir)
    await download(packages, images, dir)
    await index(join(dir, 'debian'))
    for (const [name, rpm] of Object.entries(packages.el)) describe(name, rpm, join(dir, 'rpms'))
    const script = join(labFiles(), 'own', 'rpms.sh')
    await exec(['unshare', '-m', script, images.el9Root, images.mirror, dir]).catch(named('el'))
    rmSync(join(dir, 'rpms'), { recursive: true })
  })
  return path
}

const copyOwn = (from: string, dir: string): void => {
  for (const name of readdirSync(from)) {
    const to = name.endsWith('.deb') ? 'debian' : name.endsWith('.rpm') ? 'el' : undefined
    if (to !== undefined) cpSync(join(from, name), join(dir, to, name))
  }
}

/** Downloads the Debian packages, and those that the RPMs are made of. */
const download = async (
  { debian, el }: LabPackages,
  images: Images,
  dir: string,
): Promise<void> => {
  const names = new Set([...debian, ...Object.values(el).flatMap(({ debs }) => debs)])
  if (names.size === 0) return
  const script = join(labFiles(), 'own', 'debs.sh')
  const argv = [script, images.debianRoot, join(dir, 'debian'), ...names]
  await exec(argv).catch(named('debian or lab.packages.el.*.debs'))
}

const named =
  (key: string) =>
  (error: unknown): never => {
    const text = error instanceof Error ? error.message : String(error)
    throw new FmcError(`lab.packages.${key}: the packages cannot be made\n${text}`)
  }

/** Writes the parts of an RPM for files/lab/el9/pack.sh. The schema has checked every word of the shell text. */
const describe = (name: string, { debs, files, remove, user }: LabRpm, rpms: string): void => {
  const dir = join(rpms, name)
  mkdirSync(dir)
  const write = (file: string, text: string): void => writeFileSync(join(dir, file), text)
  if (debs.length > 0) write('debs', `${debs.join(' ')}\n`)
  if (remove.length > 0) write('layout', `rm -rf ${remove.map(path => `.${path}`).join(' ')}\n`)
  if (files !== undefined)
    cpSync(files, join(dir, 'root'), { recursive: true, verbatimSymlinks: true })
  if (user === undefined) return
  write(
    'pre',
    `getent group ${user} >/dev/null || groupadd -r ${user}
getent passwd ${user} >/dev/null || useradd -r -g ${user} -d / -s /sbin/nologin ${user}
`,
  )
}
