import { z } from '../../lib/index.ts'
import { CIDR, dnsVars, ntpVars, seconds, text } from '../shared/dns/vars.ts'

const port = z.int().min(1).max(65_535)

export const vars = z
  .object({
    ...dnsVars,
    ...ntpVars,
    dns_clients: z
      .array(text(CIDR, 'a network such as 10.8.0.0/24'))
      .default([])
      .describe(
        "Networks that may ask besides the inventory's own, such as a VPN's; all others are refused",
      ),
    dns_nameservers: z
      .string()
      .optional()
      .describe(
        'Pattern of the hosts that serve the zones, for their NS records; default this host',
      ),
    dns_ttl: seconds(604_800)
      .default(300)
      .describe('Seconds for which resolvers may cache a record'),
    dns_cache_seconds: seconds(86_400)
      .default(30)
      .describe('Longest time, in seconds, for which forwarded answers are cached'),
    dns_health_port: port
      .default(8080)
      .describe('Port on 127.0.0.1 for /health; not reachable from outside'),
    dns_ready_port: port
      .default(8181)
      .describe('Port on 127.0.0.1 for /ready; not reachable from outside'),
    dns_corefile_extra: z
      .string()
      .default('')
      .describe(
        "Further server blocks of the Corefile, copied as they are; `import guard` gives them the role's addresses and access list",
      ),
  })
  .refine(v => v.dns_health_port !== v.dns_ready_port, {
    error: 'it is also dns_health_port: CoreDNS needs two ports',
    path: ['dns_ready_port'],
  })

export type Vars = z.output<typeof vars>
