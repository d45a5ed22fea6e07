import { z } from '../../lib/index.ts'

export const vars = z.object({
  node_replace_wipe: z
    .boolean()
    .default(false)
    .describe(
      'Start from nothing although the host still has its K3s data: the data is moved aside',
    ),
})
