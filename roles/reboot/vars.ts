import { z } from '../../lib/index.ts'

export const vars = z.object({
  reboot_timeout_seconds: z
    .number()
    .int()
    .min(10)
    .default(600)
    .describe('Seconds that a host may take to come back'),
  reboot_drain_seconds: z
    .number()
    .int()
    .min(1)
    .default(900)
    .describe('Seconds that the pods of a node may take to move elsewhere'),
})
