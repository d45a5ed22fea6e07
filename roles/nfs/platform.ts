import { TaskError, type Host } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
  readonly unit: string
}

/** nfs-server is the unit's name on all of them; Debian's nfs-kernel-server is an alias of it. Flatcar's image has it built in. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  debian: { packages: ['nfs-kernel-server'], unit: 'nfs-server' },
  el: { packages: ['nfs-utils'], unit: 'nfs-server' },
  flatcar: { packages: [], unit: 'nfs-server' },
}

/** What differs between operating systems; throws TaskError for one that is not known. */
export function platformOf({ os }: Pick<Host, 'os'>): Platform {
  const found = PLATFORMS[os.family]
  if (!found) throw new TaskError(`nfs does not know where ${os.name} keeps its NFS server`)
  return found
}
