import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { at } from './cached.ts'
import { debianBase, install } from './debian.ts'
import { addLayer, type Images } from './images.ts'
import { makeParts, type Part } from './parts.ts'
import { labFiles } from '../paths.ts'
import type { Personality } from '../state.ts'

/** The files that a QEMU machine of the lab boots from; each machine gets a copy of `disk`. */
export interface VmImage {
  readonly kernel: string
  readonly initrd: string
  /** ext4, without a partition table. */
  readonly disk: string
  /** The package mirror as a read-only ext4 disk with label fmc-mirror. */
  readonly mirror: string
}

const DISK_SIZE = '6G'

/** The image of virtual machines of a personality, from the cache or made now. */
export const vmImage = async (
  personality: Personality,
  images: Images,
  log: (text: string) => void,
): Promise<VmImage> => {
  const packages = `^install\\.sh$|^(vm|${personality})/packages`
  const base = debianBase('bookworm')
  const root: Part = {
    what: `the packages of ${personality} virtual machines`,
    path: at(`vm-packages-${personality}`, new RegExp(packages)),
    seconds: 40,
    after: [base],
    make: dir =>
      install(
        base,
        join(dir, 'root'),
        [personality, 'vm'].map(layer => `${layer}/packages.txt`),
      ),
  }
  const layers = `^(common|${personality}|vm)/(root|setup|commands)`
  const image: Part = {
    what: `the disk of ${personality} virtual machines`,
    path: at(`vm-${personality}`, new RegExp(`${packages}|${layers}`)),
    seconds: 15,
    after: [root],
    make: async dir => {
      await exec(['cp', '-a', '--reflink=auto', join(root.path, 'root'), dir])
      await finish(personality, images, dir)
    },
  }
  const mirror: Part = {
    what: 'the disk with packages',
    path: `${images.mirror}-disk`,
    seconds: 3,
    make: dir => makeDisk(images.mirror, join(dir, 'disk.img'), 'fmc-mirror', '1G'),
  }
  await makeParts([image, mirror], log)
  return {
    kernel: join(image.path, 'vmlinuz'),
    initrd: join(image.path, 'initrd.img'),
    disk: join(image.path, 'disk.img'),
    mirror: join(mirror.path, 'disk.img'),
  }
}

const finish = async (personality: Personality, images: Images, dir: string): Promise<void> => {
  const root = join(dir, 'root')
  for (const layer of [personality, 'common', 'vm'])
    await addLayer(join(labFiles(), layer), ['root', 'setup.sh'], root, images.mirror, personality)
  for (const name of readdirSync(join(root, 'boot'))) {
    const kind = /^(vmlinuz|initrd\.img)-/.exec(name)?.[1]
    if (kind !== undefined) await exec(['cp', join(root, 'boot', name), join(dir, kind)])
  }
  await makeDisk(root, join(dir, 'disk.img'), 'root', DISK_SIZE)
  rmSync(root, { recursive: true, force: true })
}

/** A sparse ext4 disk that holds a directory's files. */
const makeDisk = async (from: string, to: string, label: string, size: string): Promise<void> => {
  await exec(['truncate', '-s', size, to])
  await exec(['mkfs.ext4', '-q', '-F', '-L', label, '-m', '0', '-d', from, to])
}
