import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { at, once } from './cached.ts'
import { addLayer, mmdebstrap } from './images.ts'
import type { Images } from './images.ts'
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

/** The image of virtual machines of a personality, from the cache or made now (a minute or two). */
export const vmImage = async (
  personality: Personality,
  images: Images,
  log: (text: string) => void,
): Promise<VmImage> => {
  const layers = `(common|${personality}|vm)/(root|setup|commands)`
  const base = at(`vm-packages-${personality}`, new RegExp(`^(vm|${personality})/packages`))
  const path = at(`vm-${personality}`, new RegExp(`^(vm|${personality})/packages|^${layers}`))
  const mirror = `${images.mirror}-disk`
  await once(mirror, dir => makeDisk(images.mirror, join(dir, 'disk.img'), 'fmc-mirror', '1G'))
  await once(base, async dir => {
    log(`downloading the packages of ${personality} virtual machines (once; a minute or two)`)
    const lists = [personality, 'vm'].map(name => join(labFiles(), name, 'packages.txt'))
    await mmdebstrap(lists, join(dir, 'root'), { options: [], env: { TMPDIR: dir } })
  })
  await once(path, async dir => {
    log(`making the disk of ${personality} virtual machines`)
    await exec(['cp', '-a', '--reflink=auto', join(base, 'root'), dir])
    await finish(personality, images, dir)
  })
  return {
    kernel: join(path, 'vmlinuz'),
    initrd: join(path, 'initrd.img'),
    disk: join(path, 'disk.img'),
    mirror: join(mirror, 'disk.img'),
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
