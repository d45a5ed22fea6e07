import type { Finding } from '../../../lib/index.ts'
import { KEPT, PRUNE, retention } from '../../shared/k3s/snapshot.ts'
import { servers, type Cloud } from './cloud.ts'

/** Directories of snapshots that grow: nobody deletes the old ones, until the disk is full and etcd stops. */
export function snapshots(c: Cloud): Finding[] {
  return servers(c).flatMap(name => {
    const found = c.of(name)?.server?.snapshots
    if (!found) return []
    const limit = scheduled(c, name)
    return [
      ...(found.fmc > KEPT
        ? [
            {
              level: 'notice' as const,
              text: `${name} keeps ${found.fmc} snapshots that fmc took; it should be ${KEPT}: old ones were not deleted`,
              hint: `${PRUNE}   # on ${name}`,
            },
          ]
        : []),
      // One more while K3s takes the next.
      ...(found.scheduled > limit + 1
        ? [
            {
              level: 'notice' as const,
              text: `${name} keeps ${found.scheduled} snapshots of K3s's schedule; it should be ${limit} (k3s_snapshot_retention): old ones were not deleted`,
              hint: `journalctl -u k3s | grep -i retention   # on ${name}`,
            },
          ]
        : []),
    ]
  })
}

/** The host's k3s_snapshot_retention, or the role's default. */
function scheduled(c: Cloud, name: string): number {
  const set = c.hosts.find(h => h.name === name)?.vars['k3s_snapshot_retention']
  return typeof set === 'number' ? set : retention.parse(undefined)
}
