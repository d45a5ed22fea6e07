import { z } from '../../lib/index.ts'

export const vars = z.object({
  flatcar_version: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'expected a release such as 4593.2.5')
    .optional()
    .describe('Release to run. Without it the role only turns off Flatcar’s own updates'),
  flatcar_group: z
    .enum(['stable', 'beta', 'alpha', 'lts'])
    .default('stable')
    .describe('Channel, for update.conf'),
})
