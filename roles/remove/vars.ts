import { z } from '../../lib/index.ts'

export const vars = z.object({
  remove_disks: z
    .enum(['keep', 'wipe'])
    .optional()
    .describe(
      'What becomes of a VM’s disks: keep leaves their files in the hypervisor’s pool, wipe deletes them. Required for a VM: -e remove_disks=keep',
    ),
  remove_drain_seconds: z
    .int()
    .min(1)
    .default(900)
    .describe('Seconds that its pods may take to move elsewhere'),
})

export type Vars = z.output<typeof vars>
