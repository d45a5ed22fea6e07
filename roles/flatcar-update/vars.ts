import { z } from '../../lib/index.ts'

export const vars = z.object({
  flatcar_version: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'expected a release such as 4593.2.5')
    .optional()
    .describe('Release to run. None: updates are fmc’s, and none is made'),
  flatcar_group: z
    .enum(['stable', 'beta', 'alpha', 'lts'])
    .default('stable')
    .describe('Channel in update.conf'),
})
