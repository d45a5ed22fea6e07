import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../exec.ts'
import { once } from '../images/cached.ts'
import { labCache } from '../paths.ts'
import type { LabArtifact } from '../state.ts'

/** A program of Debian's, out of its package in the lab's mirror. */
export const fromPackage = async (
  mirror: string,
  debian: string,
  program: string,
): Promise<LabArtifact> => {
  const deb = readdirSync(mirror).find(name => name.startsWith(`${debian}_`))
  if (deb === undefined) throw new Error(`no package ${debian} in ${mirror}`)
  const dir = labCache(`${program}-${createHash('sha256').update(deb).digest('hex').slice(0, 12)}`)
  const script = `dpkg-deb --fsys-tarfile "$1" | tar -x -O "./usr/bin/$3" >"$2"; chmod 755 "$2"`
  await once(dir, async into => {
    await exec(['sh', '-ec', script, 'sh', join(mirror, deb), join(into, program), program])
  })
  const path = join(dir, program)
  return {
    version: deb.split('_')[1] ?? '',
    path,
    sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
  }
}
