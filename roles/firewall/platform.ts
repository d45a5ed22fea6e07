import { TaskError, type Host } from '../../lib/index.ts'

/** Packages that bring nft; Flatcar's image has it. The role's own unit needs nothing else of the system. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  debian: ['nftables'],
  el: ['nftables'],
  flatcar: [],
}

/** Throws TaskError for a system that is not known. */
export function packagesOf({ os }: Pick<Host, 'os'>): readonly string[] {
  const found = PACKAGES[os.family]
  if (!found) throw new TaskError(`firewall is not supported on ${os.name}`)
  return found
}
