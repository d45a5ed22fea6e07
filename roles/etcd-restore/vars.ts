import { z } from '../../lib/index.ts'

export const vars = z.object({
  etcd_restore_from: z
    .string()
    .min(1)
    .describe(
      'Give it with -e etcd_restore_from=…: the directory on this machine that fmc play etcd-snapshot has made (snapshot and token), or below where it keeps them: etcd/20261121T151500Z',
    ),
  etcd_restore_on: z
    .string()
    .optional()
    .describe('The server that begins with the snapshot; the others join it. Default: the first'),
})
