import { z } from '../../lib/index.ts'

export const vars = z.object({
  remove_disks: z
    .enum(['keep', 'wipe'])
    .optional()
    .describe(
      'What becomes of the disks of a VM: kept as files in the hypervisor’s pool, or deleted. It must be said: -e remove_disks=keep',
    ),
  remove_drain_seconds: z
    .int()
    .min(1)
    .default(900)
    .describe('How long its pods may take to go elsewhere'),
})

export type Vars = z.output<typeof vars>
