import { begun, hosts, keep, TaskError, z, type Host, type Result } from '../../../lib/index.ts'
import { DATA_DIR } from './platform.ts'
import { healthyIn, SERVERS, type Survey } from './survey.ts'

/** UTC, such as 20261121T151500Z. */
export const stampOf = (time: Date): string =>
  time
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z')

const SNAPSHOTS = `${DATA_DIR}/server/db/snapshots`

/** The five newest of ours stay on the server; K3s prunes its own (docs.k3s.io/cli/etcd-snapshot). */
const SCRIPT = `k3s etcd-snapshot save --name fmc >&2
k3s etcd-snapshot prune --name fmc --snapshot-retention 5 >&2 || :
ls -1td ${SNAPSHOTS}/fmc-* | head -n 1
echo ${DATA_DIR}/server/token`

/** etcd's own suggested maximum of its database (etcd.io, "System limits"); K3s's default is 2 GiB. */
const MOST_BYTES = 8 * 1024 ** 3

/**
 * A snapshot of this server's etcd on the controller, with the token without which nobody can restore it. One per job.
 * Two files, of at most 8 GiB: more than that is no snapshot.
 */
export const takeSnapshot = (dir: string): Promise<Result> =>
  keep(`${dir}/${stampOf(begun())}`, { script: SCRIPT, maxBytes: MOST_BYTES, maxFiles: 2 })

export const snapshotVars = {
  etcd_snapshot_dir: z
    .string()
    .min(1)
    .default('etcd')
    .describe(
      'Where snapshots go on this machine: a directory for each, named by its time. Not absolute: below ~/.local/state/fmc/DOMAIN ($XDG_STATE_HOME). At most 8 GiB. Snapshot and token are the whole cluster: secrets',
    ),
} as const

/** The server that acts for the cluster, whatever --limit leaves. Throws TaskError when none is healthy. */
export function speaker(found: Survey): Host {
  const up = healthyIn(found).map(([name]) => name)
  const first = hosts(SERVERS).find(s => up.includes(s.name))
  if (first) return first
  throw new TaskError('no K3s server is healthy: there is nothing to take a snapshot of', {
    hint: 'fmc play health says what is wrong',
  })
}
