import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadArtifacts } from '../../artifacts/load.ts'
import type { Host } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { once } from '../images/cached.ts'
import { artifactsFile, labCache } from '../paths.ts'
import type { LabState } from '../state.ts'

const NAME = 'etcdctl'

/** Whether a host gets the artifact etcdctl: a K3s server on Enterprise Linux, which has no package of it. */
export const needsEtcdctl = ({ groups, os }: Pick<Host, 'groups' | 'os'>): boolean =>
  groups.includes('k3s_servers') && os.family === 'el'

/** Debian's etcdctl, out of the package in the lab's mirror: it stands in for that of etcd's release. */
export const etcdctl = async (mirror: string): Promise<LabState['artifacts']> => {
  const deb = readdirSync(mirror).find(name => name.startsWith('etcd-client_'))
  if (deb === undefined) throw new Error(`no package etcd-client in ${mirror}`)
  const dir = labCache(`${NAME}-${createHash('sha256').update(deb).digest('hex').slice(0, 12)}`)
  const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -O ./usr/bin/etcdctl >"$2"; chmod 755 "$2"'
  await once(dir, async into => {
    await exec(['sh', '-ec', script, 'sh', join(mirror, deb), join(into, NAME)])
  })
  const path = join(dir, NAME)
  const version = (await loadArtifacts(artifactsFile())).get(NAME)?.version ?? ''
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  return { [NAME]: { version, path, sha256 } }
}
