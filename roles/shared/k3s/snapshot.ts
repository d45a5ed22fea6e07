import {
  begun,
  hosts,
  keep,
  resource,
  TaskError,
  z,
  type Common,
  type Host,
} from '../../../lib/index.ts'
import { DATA_DIR } from './platform.ts'
import { healthyIn, SERVERS, type Survey } from './survey.ts'

/** A time as part of a file name, in UTC, such as 20261121T151500Z. */
export const stampOf = (time: Date): string =>
  time
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z')

const SNAPSHOTS = `${DATA_DIR}/server/db/snapshots`

/** How many snapshots of fmc stay on a server. */
export const KEPT = 5

/**
 * Without the configuration of the server: of that, `k3s etcd-snapshot` warns about every line that is not for it, and refuses
 * `--snapshot-retention` beside the line `etcd-snapshot-retention` ("Cannot use two forms of the same flag"; k3s,
 * pkg/cli/cmds/etcd_snapshot.go and pkg/configfilearg). fmc's servers have K3s's own directory and port.
 */
const ETCD_SNAPSHOT = (verb: 'save' | 'prune'): string =>
  `k3s etcd-snapshot ${verb} --config /dev/null --name fmc`

const SCRIPT = `${ETCD_SNAPSHOT('save')} >&2
ls -1td ${SNAPSHOTS}/fmc-* | head -n 1
echo ${DATA_DIR}/server/token`

/** Deletes older snapshots that fmc took on the server on which it runs. */
export const PRUNE = `${ETCD_SNAPSHOT('prune')} --etcd-snapshot-retention ${KEPT}`

/** Deletes fmc's older snapshots on this server; K3s prunes its own (docs.k3s.io/cli/etcd-snapshot). */
const pruned = resource({
  name: (_: Common & { readonly due: boolean }) => `old snapshots of fmc in ${SNAPSHOTS}`,
  needs: () => ({}),
  plan: ({ due }) => (due ? [{ what: `keep the newest ${KEPT}`, script: PRUNE }] : []),
})

/** etcd's own suggested maximum of its database (etcd.io, "System limits"); K3s's default is 2 GiB. */
const MOST_BYTES = 8 * 1024 ** 3

/**
 * Takes a snapshot of this server's etcd to the controller, with the token that a restore needs. One per job: two
 * files of at most 8 GiB. Then it deletes older ones on the server: the copy is safe even if that fails.
 */
export async function takeSnapshot(dir: string): Promise<void> {
  const { changed } = await keep(`${dir}/${stampOf(begun())}`, {
    script: SCRIPT,
    maxBytes: MOST_BYTES,
    maxFiles: 2,
  })
  await pruned({ due: changed })
}

/** The variable k3s_snapshot_retention of servers. */
export const retention = z
  .int()
  .min(1)
  .max(1000)
  .default(20)
  .describe('Snapshots kept on each server')

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
