import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { double, labFiles } from '../paths.ts'
import type { Personality } from '../state.ts'
import { at } from './cached.ts'
import { debianBase, install, type Suite } from './debian.ts'
import type { Part } from './parts.ts'

/** Directories of finished images: the lower layers of machines, never written to. Only those exist whose parts were made. */
export interface Images {
  readonly roots: Readonly<Record<Personality, string>>
  /** Package mirror, bound into Debian machines at /srv/mirror. */
  readonly mirror: string
  /** That of Debian 13. */
  readonly mirror13: string
  /** RPM repository, bound into machines of the personality el9 at /srv/repo. */
  readonly repo: string
  /** The root that RPMs are packed in: Debian's, with dnf, rpm and rpmbuild. */
  readonly el9Root: string
  /** Debian's root as it was bootstrapped. */
  readonly debianRoot: string
}

/** What the lab's images are made in, each step cached under a hash of its inputs. */
export interface ImageParts {
  readonly images: Images
  /** Debian's root and the mirror of its packages. */
  readonly debian: Part
  /** The repository of RPMs, and the root that they are packed in. */
  readonly el9: Part
  /** The image of nspawn machines of a personality. */
  readonly image: Readonly<Record<Personality, Part>>
}

/** The image of a personality, and the packages that its machines can install. */
export const baseOf = (images: Images, personality: Personality): Base => ({
  root: images.roots[personality],
  mirror: mirrorOf(images, personality),
})

const mirrorOf = ({ repo, mirror, mirror13 }: Images, personality: Personality): string =>
  ({ debian: mirror, debian13: mirror13, el9: repo, flatcar: mirror })[personality]

/** A root, and the packages that its machines, or its set-up, may install. */
export interface Base {
  readonly root: string
  readonly mirror: string
}

const LISTS = '^((debian|el9)/)?packages\\.txt$|^debian/mirror\\.sh$|^install\\.sh$'

/** The parts of all images and where they are, or will be. It makes nothing. */
export const imageParts = (): ImageParts => {
  const base = debianBase('bookworm')
  const debian = debianPackages('bookworm', base)
  const flatcar: Part = {
    what: "Flatcar's packages",
    path: at('flatcar-packages', /^flatcar\/packages|^install\.sh$/),
    seconds: 25,
    after: [base],
    make: dir => install(base, join(dir, 'flatcar'), ['flatcar/packages.txt']),
  }
  const client: Part = {
    what: 'the NFS client',
    path: at('nfs-client', /^doubles\/nfs-client\/|^install\.sh$/),
    seconds: 15,
    after: [base],
    make: dir => buildNfsClient(base, dir),
  }
  const mirror = join(debian.path, 'mirror')
  const el9: Part = {
    what: 'the RPMs of Enterprise Linux',
    path: at(
      'el9',
      new RegExp(`${LISTS}|^el9/((build|pack|rpmbuild)\\.sh|installed\\.txt|modules\\.yaml|rpms/)`),
    ),
    seconds: 40,
    after: [debian],
    make: async dir => {
      const build = join(labFiles(), 'el9', 'build.sh')
      await exec(['unshare', '-m', build, join(debian.path, 'debian'), mirror, dir])
    },
  }
  const base13 = debianBase('trixie')
  const debian13 = debianPackages('trixie', base13)
  const finished = (what: string, personality: Personality, from: Part, root: string): Part => {
    const layer = personality === 'debian13' ? 'debian' : personality
    const inputs = new RegExp(
      `^(common|${layer}|doubles/nfs-client)/|^(debian/|el9/)?packages\\.txt$|^install\\.sh$`,
    )
    return {
      what,
      path: at(`image-${personality}`, inputs),
      seconds: 8,
      after: [from, client],
      // The set-up of Enterprise Linux wants the repository and what is beside it.
      make: dir => {
        const packages = personality === 'el9' ? el9.path : mirrorOf(images, personality)
        return finish(layer, { root, mirror: packages }, client, dir)
      },
    }
  }
  const image = {
    debian: finished('the image of Debian', 'debian', debian, join(debian.path, 'debian')),
    debian13: finished(
      'the image of Debian 13',
      'debian13',
      debian13,
      join(debian13.path, 'debian'),
    ),
    el9: finished('the image of Enterprise Linux', 'el9', el9, join(el9.path, 'root')),
    flatcar: finished('the image of Flatcar', 'flatcar', flatcar, join(flatcar.path, 'flatcar')),
  }
  const images: Images = {
    roots: {
      debian: join(image.debian.path, 'debian'),
      debian13: join(image.debian13.path, 'debian'),
      el9: join(image.el9.path, 'el9'),
      flatcar: join(image.flatcar.path, 'flatcar'),
    },
    mirror,
    mirror13: join(debian13.path, 'mirror'),
    repo: join(el9.path, 'repo'),
    el9Root: join(el9.path, 'root'),
    debianRoot: join(debian.path, 'debian'),
  }
  return { images, debian, el9, image }
}

/** Debian's root, and the mirror of the packages that its machines can install. */
const debianPackages = (suite: Suite, base: Part): Part => ({
  what: suite === 'bookworm' ? 'the packages of Debian' : 'the packages of Debian 13',
  path: at(suite === 'bookworm' ? 'debian-packages' : 'debian13-packages', new RegExp(LISTS)),
  seconds: 40,
  after: [base],
  make: async dir => {
    const mirror = join(dir, 'mirror')
    const env = { FMC_MIRROR: mirror }
    await install(base, join(dir, 'debian'), ['debian/packages.txt'], {
      hook: 'debian/mirror.sh',
      env,
    })
    await index(mirror)
  },
})

const buildNfsClient = async (base: Part, dir: string): Promise<void> => {
  const root = join(dir, 'root')
  await install(base, root, ['doubles/nfs-client/packages.txt'])
  await exec([join(double('nfs-client'), 'build.sh'), root], {
    env: { FMC_NFS_CLIENT: join(dir, 'nfs-client') },
  })
  await exec(['rm', '-rf', root])
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
const finish = async (layer: string, base: Base, client: Part, dir: string): Promise<void> => {
  const root = join(dir, layer)
  const { mirror } = base
  await exec(['cp', '-a', '--reflink=auto', base.root, root])
  for (const name of ['common', layer])
    await addLayer(join(labFiles(), name), ['nspawn', 'nspawn.sh'], root, mirror)
  await exec(['cp', join(client.path, 'nfs-client'), join(root, 'usr/lib/fmc-lab/nfs-client')])
  for (const name of [layer, 'common'])
    await addLayer(join(labFiles(), name), ['root', 'setup.sh'], root, mirror)
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
