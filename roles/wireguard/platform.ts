import { TaskError, type Host } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
}

/** wg(8) and wg-quick(8) with its unit are one package; Flatcar's image has them. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  debian: { packages: ['wireguard-tools'] },
  el: { packages: ['wireguard-tools'] },
  flatcar: { packages: [] },
}

/** What differs between operating systems; throws TaskError for one that is not known. */
export function platformOf({ os }: Pick<Host, 'os'>): Platform {
  const found = PLATFORMS[os.family]
  if (!found) throw new TaskError(`wireguard is not supported on ${os.name}`)
  return found
}
