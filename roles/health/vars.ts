import { z } from '../../lib/index.ts'

export const vars = z.object({
  health_disk_percent: z
    .number()
    .int()
    .min(50)
    .max(99)
    .default(85)
    .describe(
      'Report a file system that is fuller than this (percent); ten points more count as degraded',
    ),
  health_certificate_days: z
    .number()
    .int()
    .min(1)
    .max(365)
    .default(60)
    .describe('Report a certificate that ends within this many days'),
  health_snapshot_hours: z
    .number()
    .int()
    .min(1)
    .default(24)
    .describe('Report if the newest etcd snapshot is older than this many hours'),
  health_pod_seconds: z
    .number()
    .int()
    .min(0)
    .max(3600)
    .default(60)
    .describe('Report a pod that takes longer than this to start, to become Ready or to end'),
})
export type HealthVars = ReturnType<typeof vars.parse>
