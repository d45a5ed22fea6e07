import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { all, exec } from '../exec.ts'
import { double, labFiles } from '../paths.ts'
import type { Personality } from '../state.ts'
import { at, once } from './cached.ts'

/** Directories of finished images: the lower layers of machines, never written to. */
export interface Images {
  readonly roots: Readonly<Record<Finished, string>>
  /** Package mirror, bound into Debian machines at /srv/mirror. */
  readonly mirror: string
  /** RPM repository, bound into machines of the personality el9 at /srv/repo. */
  readonly repo: string
  /** The root that RPMs are packed in: Debian's, with dnf, rpm and rpmbuild. */
  readonly el9Root: string
  /** Debian's root as it was bootstrapped. */
  readonly debianRoot: string
  /** Set when it was asked for. */
  readonly debian13: Base | undefined
}

/** The image of a personality, and the packages that its machines can install; `debian13` only if `images` was asked for it. */
export const baseOf = (images: Images, personality: Personality): Base => {
  if (personality !== 'debian13')
    return {
      root: images.roots[personality],
      mirror: personality === 'el9' ? images.repo : images.mirror,
    }
  if (images.debian13 === undefined) throw new Error('the image of Debian 13 was not made')
  return images.debian13
}

/** Debian 12, the lab's Debian, and Debian 13. */
type Suite = 'bookworm' | 'trixie'
const SUITE: Suite = 'bookworm'
/** Personalities with a bootstrap of their own; el9 is made from Debian's. */
const BOOTSTRAPPED = ['debian', 'flatcar'] as const
const PERSONALITIES = ['debian', 'el9', 'flatcar'] as const
type Finished = (typeof PERSONALITIES)[number]
const LEFT_OUT = ['doc', 'man', 'locale', 'info', 'lintian']

/**
 * The lab's images, from the cache or made now (a minute or two the first time). Each step works in a temporary directory,
 * which gets its final name only when it is complete. Debian 13's is made only if it is needed: another minute.
 */
export const images = async (
  log: (text: string) => void,
  need: { readonly debian13: boolean } = { debian13: false },
): Promise<Images> => {
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
  const bases: Record<Finished, Base> = {
    debian: { root: join(packages, 'debian'), mirror },
    el9: { root: join(el9, 'root'), mirror: el9 },
    flatcar: { root: join(packages, 'flatcar'), mirror },
  }
  await once(finished, async dir => {
    log('making the lab images')
    await all(PERSONALITIES.map(p => finish(p, bases[p], join(client, 'nfs-client'), dir)))
  })
  const rootOf = (personality: Finished): string => join(finished, personality)
  return {
    roots: { debian: rootOf('debian'), el9: rootOf('el9'), flatcar: rootOf('flatcar') },
    mirror,
    repo: join(el9, 'repo'),
    el9Root: join(el9, 'root'),
    debianRoot: join(packages, 'debian'),
    debian13: need.debian13 ? await debian13(join(client, 'nfs-client'), log) : undefined,
  }
}

/** Debian 13's image, made as Debian 12's: from the same lists, files and scripts. */
const debian13 = async (nfsClient: string, log: (text: string) => void): Promise<Base> => {
  const packages = at('trixie-packages', /^(debian\/|el9\/)?packages\.txt$|^debian\/mirror\.sh$/)
  const finished = at(
    'trixie-image',
    /^(common|debian|doubles\/nfs-client)\/|^(el9\/)?packages\.txt$/,
  )
  const mirror = join(packages, 'mirror')
  await once(packages, async dir => {
    log('downloading the packages of Debian 13 (once; a minute or two)')
    await bootstrap('debian', dir, 'trixie')
    await index(join(dir, 'mirror'))
  })
  await once(finished, async dir => {
    log('making the image of Debian 13')
    await finish('debian', { root: join(packages, 'debian'), mirror }, nfsClient, dir)
  })
  return { root: join(finished, 'debian'), mirror }
}

/** A root, and the packages that its machines, or its set-up, may install. */
export interface Base {
  readonly root: string
  readonly mirror: string
}

const bootstrap = (
  personality: (typeof BOOTSTRAPPED)[number],
  dir: string,
  suite: Suite = SUITE,
): Promise<void> => {
  const files = join(labFiles(), personality)
  const hook = `--customize-hook=${join(files, 'mirror.sh')} "$1"`
  return mmdebstrap([join(files, 'packages.txt')], join(dir, personality), {
    options: personality === 'debian' ? [hook] : [],
    env: { FMC_MIRROR: join(dir, 'mirror'), TMPDIR: dir },
    suite,
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
  extra: {
    readonly options: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly suite?: Suite
  },
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
      extra.suite ?? SUITE,
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
  personality: Finished,
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
