import { loadArtifacts } from '../../artifacts/load.ts'
import type { Host } from '../../inventory/types.ts'
import { artifactsFile } from '../paths.ts'
import type { LabState } from '../state.ts'
import { fromPackage } from './from-package.ts'

const NAME = 'etcdctl'

/** Whether a host gets the artifact etcdctl: a K3s server on Enterprise Linux, which has no package of it. */
export const needsEtcdctl = ({ groups, os }: Pick<Host, 'groups' | 'os'>): boolean =>
  groups.includes('k3s_servers') && os.family === 'el'

/** Debian's etcdctl, out of the package in the lab's mirror: it stands in for that of etcd's release. */
export const etcdctl = async (mirror: string): Promise<LabState['artifacts']> => {
  const version = (await loadArtifacts(artifactsFile())).get(NAME)?.version ?? ''
  return { [NAME]: { ...(await fromPackage(mirror, 'etcd-client', NAME)), version } }
}
