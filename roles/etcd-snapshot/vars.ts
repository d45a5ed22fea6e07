import { z } from '../../lib/index.ts'

export const snapshotVars = {
  etcd_snapshot_dir: z
    .string()
    .min(1)
    .default('etcd')
    .describe(
      'Where snapshots go on this machine: a directory for each, named by its time. Not absolute: below ~/.local/state/fmc/DOMAIN ($XDG_STATE_HOME). At most 8 GiB. Snapshot and token are the whole cluster: secrets',
    ),
} as const

export const vars = z.object(snapshotVars)
