import { Secret, z } from '../../lib/index.ts'
import { dnsVars, ntpVars } from '../shared/dns/vars.ts'

export const vars = z.object({
  freeipa_admin_password: z
    .instanceof(Secret)
    .describe(
      'Password of the user admin, at least 8 printable ASCII characters without \\. Used once, by the installation; change it later with `ipa passwd admin`',
    ),
  freeipa_directory_password: z
    .instanceof(Secret)
    .describe(
      'Password of the Directory Manager, with which the certificates of the authority are encrypted, too. Used once, by the installation',
    ),
  freeipa_forward_policy: z
    .enum(['first', 'only'])
    .default('first')
    .describe(
      'For names that are not of the cloud. first: ask dns_upstreams, and the root servers if none answers; only: never the root servers',
    ),
  ...dnsVars,
  ...ntpVars,
})

export type Vars = z.output<typeof vars>
