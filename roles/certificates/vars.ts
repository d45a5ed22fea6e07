import { z } from '../../lib/index.ts'

export const vars = z.object({
  certificates_renew_days: z
    .number()
    .int()
    .min(0)
    .max(120)
    .default(90)
    .describe(
      'A K3s whose certificate ends in fewer days is restarted, which renews what has at most 120 days left. 0: only report',
    ),
})
