import { begun, hosts, keep, TaskError, z, type Host, type Result } from '../../../lib/index.ts'
import { DATA_DIR } from './platform.ts'
import { healthyIn, SERVERS, type Survey } from './survey.ts'

/** A time as part of a file name, in UTC, such as 20261121T151500Z. */
export const stampOf = (time: Date): string =>
  time
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z')

const SNAPSHOTS = `${DATA_DIR}/server/db/snapshots`

/** The five newest snapshots of fmc stay on the server; K3s prunes its own (docs.k3s.io/cli/etcd-snapshot). */
const SCRIPT = `k3s etcd-snapshot save --name fmc >&2
k3s etcd-snapshot prune --name fmc --snapshot-retention 5 >&2 || :
ls -1td ${SNAPSHOTS}/fmc-* | head -n 1
echo ${DATA_DIR}/server/token`

/** etcd's own suggested maximum of its database (etcd.io, "System limits"); K3s's default is 2 GiB. */
const MOST_BYTES = 8 * 1024 ** 3

/**
 * Takes a snapshot of this server's etcd to the controller, with the token that a restore needs. One per job: two
 * files of at most 8 GiB.
 */
export const takeSnapshot = (dir: string): Promise<Result> =>
  keep(`${dir}/${stampOf(begun())}`, { script: SCRIPT, maxBytes: MOST_BYTES, maxFiles: 2 })

export const snapshotVars = {
  etcd_snapshot_dir: z
    .string()
    .min(1)
    .default('etcd')
    .describe(
      'Directory for snapshots on this machine; each gets a subdirectory named by its time. A relative path is below ~/.local/state/fmc/DOMAIN ($XDG_STATE_HOME). At most 8 GiB each. Snapshot and token together give access to the whole cluster: keep them secret',
    ),
} as const

/** The first healthy server of the inventory, regardless of --limit. Throws TaskError when none is healthy. */
export function speaker(found: Survey): Host {
  const up = healthyIn(found).map(([name]) => name)
  const first = hosts(SERVERS).find(s => up.includes(s.name))
  if (first) return first
  throw new TaskError('no K3s server is healthy: there is nothing to take a snapshot of', {
    hint: 'fmc play health',
  })
}
