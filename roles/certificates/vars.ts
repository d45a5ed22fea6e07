import { z } from '../../lib/index.ts'

export const vars = z.object({
  certificates_renew_days: z
    .number()
    .int()
    .min(0)
    .max(120)
    .default(90)
    .describe(
      'Restart K3s if a certificate ends within this many days; K3s then renews what has at most 120 days left. 0: only report',
    ),
})
