import { Secret, z } from '../../lib/index.ts'
import { KEY } from './keys.ts'

const OCTET = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const text = (pattern: RegExp, expected: string) =>
  z.string().regex(pattern, { error: `expected ${expected}` })
const address = text(new RegExp(`^(${OCTET}\\.){3}${OCTET}$`), 'an IPv4 address')
const key = text(KEY, 'a WireGuard key of 44 characters')
const networks = z.array(z.string().min(1))
const seconds = z.int().min(0).max(65_535)
const command = text(/^[^\n\0#]+$/, 'one line without #')

export const peer = z
  .strictObject({
    name: text(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of a-z, 0-9 and -').describe(
      'A host of the inventory that is in the VPN, or any device',
    ),
    address: address.optional().describe("In the VPN; of a host of the inventory its nic's"),
    public_key: key
      .optional()
      .describe(
        'Public key of the device; for a host of the inventory fmc then does not ask the host',
      ),
    private_key: z
      .instanceof(Secret)
      .optional()
      .describe(
        'Instead of public_key, for a device whose whole configuration `fmc wireguard client` prints',
      ),
    preshared_key: z
      .instanceof(Secret)
      .optional()
      .describe('An additional key; both sides must have it'),
    networks: networks
      .default([])
      .describe(
        'Networks behind the peer, by name or CIDR, besides those that the inventory says it routes',
      ),
    endpoint: text(/^[a-zA-Z0-9][a-zA-Z0-9.-]*:\d{1,5}$/, 'HOST:PORT')
      .optional()
      .describe(
        'Address and port at which this host connects to the peer; default: the peer connects to this host',
      ),
    keepalive: seconds
      .optional()
      .describe('Seconds; default wireguard_keepalive for the hub, else 0'),
    always_on: z
      .boolean()
      .optional()
      .describe(
        'Wait in the gate for a handshake of this peer. Default: true for hosts of the inventory',
      ),
    reaches: networks
      .optional()
      .describe(
        "For `fmc wireguard client`: what the device sends through the VPN, by name or CIDR, or all. Default: the inventory's networks",
      ),
    dns: z
      .array(address)
      .default([])
      .describe('For `fmc wireguard client`: its DNS servers while the VPN is up'),
  })
  .refine(p => p.public_key === undefined || p.private_key === undefined, {
    error: 'public_key or private_key, not both',
    path: ['public_key'],
  })

export const vars = z.object({
  wireguard_peers: z
    .array(peer)
    .default([])
    .describe(
      'On the hub: road warriors and other devices, and further settings for hosts of the inventory that are in the VPN',
    ),
  wireguard_private_key: z
    .instanceof(Secret)
    .optional()
    .describe(
      'A key from the secrets; default: a key that the host makes once and that never leaves it',
    ),
  wireguard_port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("UDP port. Default: on the hub the network's, elsewhere any"),
  wireguard_reaches: networks
    .optional()
    .describe(
      'On a spoke: what it reaches through the hub, by name or CIDR. Default: the networks that other hosts of the inventory route',
    ),
  wireguard_keepalive: seconds
    .default(25)
    .describe(
      'On a spoke: seconds between keepalive packets to the hub, for a NAT in between; 0: none',
    ),
  wireguard_mtu: z.int().min(576).max(9000).optional().describe('Default: what wg-quick finds'),
  wireguard_guard_seconds: z
    .int()
    .min(10)
    .max(600)
    .default(60)
    .describe(
      'Seconds in which a new connection must succeed; otherwise the host restores the old tunnel',
    ),
  wireguard_post_up: z
    .array(command)
    .default([])
    .describe('Commands that run when the interface is up'),
  wireguard_post_down: z
    .array(command)
    .default([])
    .describe('Commands that run when the interface is down'),
})

export type Vars = z.output<typeof vars>
export type PeerVars = z.output<typeof peer>
