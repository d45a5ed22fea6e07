import { z } from '../../lib/index.ts'

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
const port = z.union([
  z.int().min(1).max(65535),
  z.string().regex(/^\d{1,5}(-\d{1,5})?(\/(tcp|udp))?$/, {
    error: 'expected a port such as 22, 53/udp or 8000-8010/tcp',
  }),
])
const comment = z.string().min(1).max(100).optional()

const flow = z.strictObject({
  from: names.describe(
    'Names of networks, groups, hosts or VIPs, addresses, CIDR blocks, `wan` (everything in no network of the inventory) or `any`',
  ),
  to: names.describe(
    'Like `from`. A network means the hosts in it; to reach this host itself, name it, one of its groups, one of its addresses or `any`',
  ),
  ports: z
    .array(z.union([z.literal('any'), port]))
    .min(1)
    .describe('22 or 22/tcp, 53/udp, 8000-8010; `any`: everything'),
  comment: comment.describe('What it is for; nft and fmc firewall explain show it'),
})

const forward = z
  .strictObject({
    port: port.describe('Port, or ports, of the WAN side'),
    to: z.string().min(1).describe('VIP, host or address'),
    to_port: z.int().min(1).max(65535).optional().describe('Default: the same port'),
    comment,
  })
  .refine(f => f.to_port === undefined || !String(f.port).includes('-'), {
    error: 'a range of ports keeps its numbers',
    path: ['to_port'],
  })

export const vars = z
  .object({
    firewall_flows: z
      .array(flow)
      .min(1)
      .describe('Who may reach whom on which port; everything else is dropped'),
    firewall_mode: z
      .enum(['router', 'host_dnat', 'vps'])
      .default('router')
      .describe(
        'Where the Internet ends: at a router in front (it forwards ports), at this host, or at this VPS that forwards through the VPN',
      ),
    firewall_wan: z
      .string()
      .regex(/^[\w.-]{1,15}$/, { error: 'expected the name of a network device' })
      .optional()
      .describe('Device that faces the Internet (host_dnat, vps)'),
    firewall_forwards: z
      .array(forward)
      .default([])
      .describe('Ports of the WAN side that are forwarded inwards (host_dnat, vps)'),
    firewall_masquerade: z
      .array(z.string().min(1))
      .default([])
      .describe(
        "Networks whose packets take this host's address when they leave all of these networks",
      ),
    firewall_log: z
      .boolean()
      .default(false)
      .describe('Log dropped packets, at most ten lines a second (journalctl -k)'),
    firewall_guard_seconds: z
      .int()
      .min(10)
      .max(600)
      .default(60)
      .describe(
        'Seconds in which a new connection must succeed; otherwise the host restores the old rules',
      ),
  })
  .refine(v => v.firewall_mode === 'router' || v.firewall_wan !== undefined, {
    error: 'modes host_dnat and vps need the device that faces the Internet',
    path: ['firewall_wan'],
  })
  .refine(v => v.firewall_mode !== 'router' || v.firewall_forwards.length === 0, {
    error: 'in mode router the router in front forwards ports',
    path: ['firewall_forwards'],
  })

export type Vars = z.output<typeof vars>
