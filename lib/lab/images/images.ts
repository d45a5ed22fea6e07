import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { all, exec } from '../exec.ts'
import { whenUnlocked } from '../lock.ts'
import { double, labCache, labFiles } from '../paths.ts'
import type { Personality } from '../state.ts'

/** Directories of finished images: the lower layers of machines, never written to. */
export interface Images {
  readonly roots: Readonly<Record<Personality, string>>
  /** Package mirror, bound into Debian machines at /srv/mirror. */
  readonly mirror: string
  /** RPM repository, bound into machines of the personality el9 at /srv/repo. */
  readonly repo: string
  /** The root that RPMs are packed in: Debian's, with dnf, rpm and rpmbuild. */
  readonly el9Root: string
  /** Debian's root as it was bootstrapped. */
  readonly debianRoot: string
}

const SUITE = 'bookworm'
/** Raise it when this module makes something else of the same files. */
const FORMAT = '1'
/** Personalities with a bootstrap of their own; el9 is made from Debian's. */
const BOOTSTRAPPED = ['debian', 'flatcar'] as const
const PERSONALITIES = ['debian', 'el9', 'flatcar'] as const
const LEFT_OUT = ['doc', 'man', 'locale', 'info', 'lintian']

/** Where the result of a step is cached: another place when one of its files below files/lab changes, or `more`. */
export const at = (step: string, matches: RegExp, more = ''): string =>
  labCache(`${step}-${definition(matches, more)}`)

const definition = (matches: RegExp, more: string): string => {
  const root = labFiles()
  const hash = createHash('sha256').update(SUITE + FORMAT + more)
  const names = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter(name => matches.test(name) && !name.endsWith('README.md'))
    .sort()
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(root, name)))
  return hash.digest('hex').slice(0, 12)
}

/**
 * The lab's images, from the cache or made now (a minute or two the first time). Each step works in a temporary directory,
 * which gets its final name only when it is complete.
 */
export const images = async (log: (text: string) => void): Promise<Images> => {
  const lists = '^((debian|flatcar|el9)/)?packages\\.txt$|mirror\\.sh$'
  const packages = at('packages', new RegExp(lists))
  const el9 = at(
    'el9',
    new RegExp(`${lists}|^el9/((build|pack|rpmbuild)\\.sh|installed\\.txt|modules\\.yaml|rpms/)`),
  )
  const client = at('nfs-client', /^doubles\/nfs-client\//)
  const finished = at('images', /^(common|debian|el9|flatcar|doubles\/nfs-client|packages)/)
  const downloads = [
    once(packages, async dir => {
      log('downloading the packages of the lab (once; a minute or two)')
      await all(BOOTSTRAPPED.map(personality => bootstrap(personality, dir)))
      await index(join(dir, 'mirror'))
    }),
    once(client, buildNfsClient),
  ]
  await all(downloads)
  const mirror = join(packages, 'mirror')
  await once(el9, async dir => {
    log('building the RPMs of the lab (once; half a minute)')
    const build = join(labFiles(), 'el9', 'build.sh')
    await exec(['unshare', '-m', build, join(packages, 'debian'), mirror, dir])
  })
  const bases: Record<Personality, Base> = {
    debian: { root: join(packages, 'debian'), mirror },
    el9: { root: join(el9, 'root'), mirror: el9 },
    flatcar: { root: join(packages, 'flatcar'), mirror },
  }
  await once(finished, async dir => {
    log('making the lab images')
    await all(PERSONALITIES.map(p => finish(p, bases[p], join(client, 'nfs-client'), dir)))
  })
  const rootOf = (personality: Personality): string => join(finished, personality)
  return {
    roots: { debian: rootOf('debian'), el9: rootOf('el9'), flatcar: rootOf('flatcar') },
    mirror,
    repo: join(el9, 'repo'),
    el9Root: join(el9, 'root'),
    debianRoot: join(packages, 'debian'),
  }
}

/** What an image is made from: a root, and the packages that its set-up may install. */
interface Base {
  readonly root: string
  readonly mirror: string
}

/** Results that were not used for this long are removed when a newer one is made. */
const KEEP_DAYS = 7

const removeOld = (path: string): void => {
  const [step] = /^.*-/.exec(path) ?? []
  for (const name of readdirSync(dirname(path))) {
    const other = join(dirname(path), name)
    if (step === undefined || !other.startsWith(step) || other === path) continue
    if (Date.now() - statSync(other).mtimeMs > KEEP_DAYS * 86_400_000)
      rmSync(other, { recursive: true, force: true })
  }
}

/** Makes a directory unless it exists, by way of a temporary one; one process at a time. */
export const once = async (path: string, make: (dir: string) => Promise<void>): Promise<void> => {
  if (existsSync(path)) return utimesSync(path, new Date(), new Date())
  mkdirSync(dirname(path), { recursive: true })
  await whenUnlocked(`${path}.lock`, async () => {
    if (existsSync(path)) return
    const dir = `${path}.new`
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir)
    try {
      await make(dir)
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
    renameSync(dir, path)
    removeOld(path)
  })
}

const bootstrap = (personality: (typeof BOOTSTRAPPED)[number], dir: string): Promise<void> => {
  const files = join(labFiles(), personality)
  const hook = `--customize-hook=${join(files, 'mirror.sh')} "$1"`
  return mmdebstrap([join(files, 'packages.txt')], join(dir, personality), {
    options: personality === 'debian' ? [hook] : [],
    env: { FMC_MIRROR: join(dir, 'mirror'), TMPDIR: dir },
  })
}

const buildNfsClient = (dir: string): Promise<void> => {
  const files = double('nfs-client')
  return mmdebstrap([join(files, 'packages.txt')], '/dev/null', {
    options: ['--format=null', `--customize-hook=${join(files, 'build.sh')} "$1"`],
    env: { FMC_NFS_CLIENT: join(dir, 'nfs-client'), TMPDIR: dir },
  })
}

/** Makes a Debian root with the packages of some lists. FMC_LAB_APT_MIRROR names a source other than Debian's. */
export const mmdebstrap = async (
  lists: readonly string[],
  target: string,
  extra: { readonly options: readonly string[]; readonly env: Readonly<Record<string, string>> },
): Promise<void> => {
  const packages = lists.flatMap(list => readFileSync(list, 'utf8').trim().split('\n'))
  const mirror = process.env.FMC_LAB_APT_MIRROR
  await exec(
    [
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      '--dpkgopt=force-unsafe-io',
      ...LEFT_OUT.map(name => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      ...extra.options,
      SUITE,
      target,
      ...(mirror === undefined ? [] : [mirror]),
    ],
    { env: extra.env },
  )
}

/** Adds the index that makes a directory of packages an apt source. */
export const index = async (mirror: string): Promise<void> => {
  const script =
    'apt-ftparchive packages . >Packages; apt-ftparchive release . >../Release; mv ../Release .'
  await exec(['sh', '-ec', script], { cwd: mirror })
}

/**
 * Makes an image of a copy of the bootstrapped tree: first what nspawn machines need for lack of a kernel of their own,
 * then what they share with virtual machines. The scripts may mount: each runs in a mount namespace of its own.
 */
const finish = async (
  personality: Personality,
  base: Base,
  nfsClient: string,
  dir: string,
): Promise<void> => {
  const root = join(dir, personality)
  const { mirror } = base
  await exec(['cp', '-a', '--reflink=auto', base.root, root])
  for (const layer of ['common', personality])
    await addLayer(join(labFiles(), layer), ['nspawn', 'nspawn.sh'], root, mirror)
  await exec(['cp', nfsClient, join(root, 'usr/lib/fmc-lab/nfs-client')])
  for (const layer of [personality, 'common'])
    await addLayer(join(labFiles(), layer), ['root', 'setup.sh'], root, mirror)
}

/** Copies a tree into a root and runs a script on it; either may be missing. */
export const addLayer = async (
  layer: string,
  names: readonly [tree: string, script: string],
  root: string,
  mirror: string,
  ...more: readonly string[]
): Promise<void> => {
  const [tree, script] = names.map(name => join(layer, name)) as [string, string]
  if (existsSync(tree)) await exec(['cp', '-a', '--no-preserve=ownership', `${tree}/.`, root])
  if (existsSync(script)) await exec(['unshare', '-m', script, root, mirror, ...more])
}
