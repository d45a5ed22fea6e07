import { z } from '../../lib/index.ts'
import { commonVars } from '../shared/k3s/vars.ts'

const block = z
  .string()
  .regex(
    /^(\d{1,3}\.){3}\d{1,3}(\/\d{1,2})?$/,
    'expected an address or a block such as 173.245.48.0/20',
  )

/** The VIP that an inventory may lack. */
export const DEFAULT_VIP = 'web'

export const vars = z.object({
  k3s_version: commonVars.k3s_version,
  traefik_vip: z
    .string()
    .default(DEFAULT_VIP)
    .describe(
      'The VIP that Traefik serves: its backends run Traefik, and Traefik trusts its balancers. Without a VIP web the role leaves K3s’s own Traefik as it is',
    ),
  traefik_exposure: z
    .enum(['servicelb', 'nodeport', 'hostport'])
    .default('servicelb')
    .describe(
      'How the nodes open their ports: servicelb (K3s’s own, 80 and 443), nodeport (30000 to 32767) or hostport (any). If they differ from the ports of the VIP, set its backend_ports',
    ),
  traefik_trusted_proxies: z
    .array(block)
    .default([])
    .describe(
      'Proxies in front of the balancers, such as a CDN, whose X-Forwarded-For Traefik trusts. Default: none',
    ),
})

export type Vars = z.output<typeof vars>
