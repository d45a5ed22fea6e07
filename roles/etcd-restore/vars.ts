import { z } from '../../lib/index.ts'

export const vars = z.object({
  etcd_restore_from: z
    .string()
    .min(1)
    .describe(
      'Directory that fmc play etcd-snapshot created on this machine (snapshot and token). A relative path is below the directory where fmc keeps snapshots. Give it with -e etcd_restore_from=etcd/20261121T151500Z',
    ),
  etcd_restore_on: z
    .string()
    .optional()
    .describe('Server that starts from the snapshot; the others join it. Default: the first'),
})
