import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { at } from './cached.ts'
import { debianBase, install } from './debian.ts'
import { addLayer } from './images.ts'
import type { Part } from './parts.ts'
import { labFiles } from '../paths.ts'
import type { LabArtifact } from '../state.ts'

/** Artifacts of the role hypervisor that the lab's image replaces. */
const STANDS_FOR = ['image-almalinux', 'image-debian'] as const

/** The image for VMs that the lab's hypervisor makes, from Debian's packages. */
export const cloudImagePart = (): Part => {
  const base = debianBase('bookworm')
  const packages: Part = {
    what: 'the packages of the cloud image',
    path: at('cloud-packages', /^cloud\/(packages|offline)|^install\.sh$/),
    seconds: 35,
    after: [base],
    make: dir =>
      install(base, join(dir, 'root'), ['cloud/packages.txt'], {
        hook: 'cloud/offline.sh',
        // Debian's kernel package then makes no initrd: setup.sh does, once it is configured.
        env: { INITRD: 'No' },
      }),
  }
  return {
    what: 'the cloud image',
    path: at('cloud-image', /^cloud\/|^install\.sh$/),
    seconds: 40,
    after: [packages],
    make: async dir => {
      const files = join(labFiles(), 'cloud')
      const root = join(dir, 'root')
      await exec(['cp', '-a', '--reflink=auto', join(packages.path, 'root'), root])
      await addLayer(files, ['root', 'setup.sh'], root, '')
      await exec(['unshare', '-m', join(files, 'disk.sh'), root, join(dir, 'disk.qcow2')])
      await exec(['rm', '-rf', root])
    },
  }
}

/** The artifacts of a lab with that image. */
export const cloudImageIn = ({ path }: Part): Readonly<Record<string, LabArtifact>> => {
  const disk = join(path, 'disk.qcow2')
  const sha256 = createHash('sha256').update(readFileSync(disk)).digest('hex')
  const artifact = { version: `lab-${sha256.slice(0, 8)}`, sha256, path: disk }
  return Object.fromEntries(STANDS_FOR.map(name => [name, artifact]))
}
