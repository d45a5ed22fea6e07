import { TaskError, type Host } from '../../lib/index.ts'

export interface Platform {
  readonly packages: readonly string[]
  readonly script: string
}

/** EL has curl (curl-minimal, which a package curl would conflict with); Flatcar has both and a read-only /usr. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  debian: { packages: ['curl', 'jq', 'ca-certificates'], script: '/usr/local/libexec/fmc-ddns' },
  el: { packages: ['jq'], script: '/usr/local/libexec/fmc-ddns' },
  flatcar: { packages: [], script: '/opt/libexec/fmc-ddns' },
}

/** What differs between operating systems; throws TaskError for one that is not known. */
export function platformOf({ os }: Pick<Host, 'os'>): Platform {
  const found = PLATFORMS[os.family]
  if (!found) throw new TaskError(`ddns is not supported on ${os.name}`)
  return found
}
