import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from './exec.ts'
import { cacheDir, labFiles } from './paths.ts'
import type { Personality } from './state.ts'

/** Directories of finished images; machines stand on them and never write there. */
export interface Images {
  readonly roots: Readonly<Record<Personality, string>>
  /** Package mirror, bound into Debian machines at /srv/mirror. */
  readonly mirror: string
}

const SUITE = 'bookworm'
const PERSONALITIES = ['debian', 'flatcar'] as const
const LEFT_OUT = ['doc', 'man', 'locale', 'info', 'lintian']

/** Files below files/lab that `matches`, hashed: an image is made anew when its definition changes. */
const definition = (matches: RegExp): string => {
  const root = labFiles()
  const hash = createHash('sha256').update(SUITE)
  const names = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter(name => matches.test(name) && !name.endsWith('README.md'))
    .sort()
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(root, name)))
  return hash.digest('hex').slice(0, 12)
}

/**
 * The lab's images, from the cache or made now (a minute or two the first time). Each step works in
 * a temporary directory and appears under its final name only when it is whole.
 */
export const images = async (log: (text: string) => void): Promise<Images> => {
  const packages = join(
    cacheDir(),
    'lab',
    `packages-${definition(/(^|\/)packages\.txt$|mirror\.sh$/)}`,
  )
  const finished = join(cacheDir(), 'lab', `images-${definition(/./)}`)
  const mirror = join(packages, 'mirror')
  const result = {
    roots: { debian: join(finished, 'debian'), flatcar: join(finished, 'flatcar') },
    mirror,
  }
  await once(packages, async dir => {
    log('downloading the packages of the lab (once; a minute or two)')
    await all(PERSONALITIES.map(personality => bootstrap(personality, dir)))
    await index(join(dir, 'mirror'))
  })
  await once(finished, async dir => {
    log('making the lab images')
    await all(PERSONALITIES.map(personality => finish(personality, packages, dir)))
  })
  return result
}

/** Makes a directory through a temporary one, unless it is there. */
const once = async (path: string, make: (dir: string) => Promise<void>): Promise<void> => {
  if (existsSync(path)) return
  const dir = `${path}.new-${process.pid}`
  try {
    mkdirSync(dir, { recursive: true })
    await make(dir)
    renameSync(dir, path)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Like Promise.all, but nothing goes on in the background after a failure. */
const all = async (work: readonly Promise<void>[]): Promise<void> => {
  const failed = (await Promise.allSettled(work)).find(result => result.status === 'rejected')
  if (failed) throw failed.reason
}

const bootstrap = async (personality: Personality, dir: string): Promise<void> => {
  const files = labFiles()
  const packages = readFileSync(join(files, personality, 'packages.txt'), 'utf8')
    .trim()
    .split('\n')
  const mirror = process.env.FMC_LAB_APT_MIRROR
  await exec(
    [
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      '--dpkgopt=force-unsafe-io',
      ...LEFT_OUT.map(name => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      ...(personality === 'debian'
        ? [`--customize-hook=${join(files, 'debian/mirror.sh')} "$1"`]
        : []),
      SUITE,
      join(dir, personality),
      ...(mirror === undefined ? [] : [mirror]),
    ],
    { env: { FMC_MIRROR: join(dir, 'mirror'), TMPDIR: dir } },
  )
}

/** Makes a directory of packages an apt source. */
const index = async (mirror: string): Promise<void> => {
  const script =
    'apt-ftparchive packages . >Packages; apt-ftparchive release . >../Release; mv ../Release .'
  await exec(['sh', '-ec', script], { cwd: mirror })
}

/** A copy of the bootstrapped tree becomes the image; its scripts may mount, in a namespace of their own. */
const finish = async (personality: Personality, packages: string, dir: string): Promise<void> => {
  const root = join(dir, personality)
  await exec(['cp', '-a', '--reflink=auto', join(packages, personality), root])
  for (const layer of ['common', personality]) {
    const tree = join(labFiles(), layer, 'root')
    if (existsSync(tree)) await exec(['cp', '-a', '--no-preserve=ownership', `${tree}/.`, root])
  }
  for (const layer of [personality, 'common'])
    await exec([
      'unshare',
      '-m',
      join(labFiles(), layer, 'setup.sh'),
      root,
      join(packages, 'mirror'),
    ])
}
