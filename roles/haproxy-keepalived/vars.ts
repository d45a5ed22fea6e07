import { z } from '../../lib/index.ts'

const duration = z.string().regex(/^[1-9]\d*(ms|s|m|h)$/, 'expected a time such as 5s, 10m or 1h')

/** What is balanced stands in the inventory under `vips`; these only tune it. */
export const vars = z.object({
  haproxy_maxconn: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4000)
    .describe('Connections at a time, all VIPs together; each costs up to 33 kB of memory'),
  haproxy_connect_timeout: duration
    .default('5s')
    .describe('How long a backend may take to accept a connection'),
  haproxy_k3s_idle_timeout: duration
    .default('1h')
    .describe('Silence after which a connection to the K3s API ends: watches are long and quiet'),
  haproxy_tcp_idle_timeout: duration
    .default('10m')
    .describe('Silence after which a connection of the other VIPs ends'),
  haproxy_check_seconds: z
    .int()
    .min(1)
    .max(60)
    .default(3)
    .describe('A backend is checked this often; 3 failures take it out, 2 successes bring it back'),
  haproxy_health_port: z
    .int()
    .min(1)
    .max(65_535)
    .default(8404)
    .describe('Port on 127.0.0.1 for /healthz, /config and /stats; never reachable from outside'),
  keepalived_advert_seconds: z
    .number()
    .min(0.1)
    .max(40)
    .default(0.5)
    .describe(
      'The holder of a VIP is heard this often; after 3 to 4 silent intervals it is replaced',
    ),
})

export type BalancerVars = z.output<typeof vars>
