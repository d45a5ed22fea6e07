import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { at, once } from './cached.ts'
import { addLayer, mmdebstrap } from './images.ts'
import { labFiles } from '../paths.ts'
import { prerequisites } from '../prerequisites.ts'
import type { LabArtifact } from '../state.ts'

/** Artifacts of the role hypervisor that the lab's image replaces. */
const STANDS_FOR = ['image-almalinux', 'image-debian'] as const

/** The image for VMs that the lab's hypervisor makes, from Debian's packages: from the cache, or made now (two minutes). */
export const cloudImage = async ({
  yes,
  log,
}: {
  readonly yes: boolean
  readonly log: (text: string) => void
}): Promise<Readonly<Record<string, LabArtifact>>> => {
  const files = join(labFiles(), 'cloud')
  const base = at('cloud-packages', /^cloud\/(packages|offline)/)
  const path = at('cloud-image', /^cloud\//)
  await prerequisites({ vm: false, image: true, yes, log })
  await once(base, async dir => {
    log('downloading the packages of the cloud image (once; a minute or two)')
    await mmdebstrap([join(files, 'packages.txt')], join(dir, 'root'), {
      options: [`--customize-hook=${join(files, 'offline.sh')} "$1"`],
      env: { TMPDIR: dir },
    })
  })
  await once(path, async dir => {
    log('making the cloud image')
    const root = join(dir, 'root')
    await exec(['cp', '-a', '--reflink=auto', join(base, 'root'), root])
    await addLayer(files, ['root', 'setup.sh'], root, '')
    await exec(['unshare', '-m', join(files, 'disk.sh'), root, join(dir, 'disk.qcow2')])
    await exec(['rm', '-rf', root])
  })
  const disk = join(path, 'disk.qcow2')
  const sha256 = createHash('sha256').update(readFileSync(disk)).digest('hex')
  const artifact = { version: `lab-${sha256.slice(0, 8)}`, sha256, path: disk }
  return Object.fromEntries(STANDS_FOR.map(name => [name, artifact]))
}
