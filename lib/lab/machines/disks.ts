import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Disk } from '../../inventory/types.ts'
import { exec } from '../exec.ts'

/** A data disk of a host: a sparse file behind a loop device. */
export interface DiskFile {
  readonly file: string
  /** Where the host sees it. */
  readonly device: string
  readonly loop: string
}

/** Attaches a host's data disks to loop devices. Existing files are kept: disks survive a power cut. */
export const attachDisks = async (dir: string, disks: readonly Disk[]): Promise<DiskFile[]> => {
  const result: DiskFile[] = []
  for (const disk of disks) {
    const file = diskFile(dir, disk)
    const attached = (await loopsUnder(dir)).find(loop => loop.file === file)?.name
    const loop =
      attached ?? (await exec(['losetup', '--find', '--show', '--partscan', file])).stdout.trim()
    result.push({ file, device: disk.device, loop })
  }
  return result
}

/** The sparse file of a disk; made if it is missing. */
export const diskFile = (dir: string, disk: Disk): string => {
  const file = join(dir, `${disk.name}.img`)
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'a')
  ftruncateSync(fd, disk.sizeGb * 1024 ** 3)
  closeSync(fd)
  return file
}

/** Loop devices whose file lies, or lay before it was deleted, under a directory. */
const loopsUnder = async (dir: string): Promise<{ name: string; file: string }[]> => {
  const { stdout } = await exec([
    'losetup',
    '--list',
    '--noheadings',
    '--raw',
    '-O',
    'NAME,BACK-FILE',
  ])
  return stdout
    .split('\n')
    .map(line => line.split(' '))
    .map(([name = '', file = '']) => ({ name, file }))
    .filter(({ file }) => file.startsWith(`${dir}/`))
}

/** Detaches every loop device of a directory; their machines must have ended. */
export const detachDisks = async (dir: string): Promise<void> => {
  for (const { name } of await loopsUnder(dir))
    await exec(['losetup', '-d', name], { allowFailure: true })
}
