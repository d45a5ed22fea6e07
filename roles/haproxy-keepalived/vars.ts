import { z } from '../../lib/index.ts'

const duration = z.string().regex(/^[1-9]\d*(ms|s|m|h)$/, 'expected a time such as 5s, 10m or 1h')

/** `vips` in the inventory says what is balanced; these only tune it. */
export const vars = z.object({
  haproxy_maxconn: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4000)
    .describe('Open connections at a time, over all VIPs; each takes up to 33 kB of memory'),
  haproxy_connect_timeout: duration
    .default('5s')
    .describe('How long a backend may take to accept a connection'),
  haproxy_k3s_idle_timeout: duration
    .default('1h')
    .describe(
      'haproxy closes an idle connection to the K3s API after this time; watches are long and quiet',
    ),
  haproxy_tcp_idle_timeout: duration
    .default('10m')
    .describe('haproxy closes an idle connection of the other VIPs after this time'),
  haproxy_check_seconds: z
    .int()
    .min(1)
    .max(60)
    .default(3)
    .describe(
      'Seconds between two checks of a backend; 3 failures take it out (of the K3s API: the first one), 2 successes bring it back',
    ),
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
      'Seconds between two advertisements of a VIP’s holder; after 3 to 4 missed ones another balancer takes over',
    ),
})

export type BalancerVars = z.output<typeof vars>
