import { z } from '../../lib/index.ts'

export const vars = z.object({
  health_disk_percent: z
    .number()
    .int()
    .min(50)
    .max(99)
    .default(85)
    .describe('A file system fuller than this is worth a word; ten points more and it is degraded'),
  health_certificate_days: z
    .number()
    .int()
    .min(1)
    .max(365)
    .default(60)
    .describe('A certificate that ends sooner is worth a word'),
  health_snapshot_hours: z
    .number()
    .int()
    .min(1)
    .default(24)
    .describe('A newest etcd snapshot older than this is worth a word'),
})
export type HealthVars = ReturnType<typeof vars.parse>
