import { hostJson, z } from '../../../lib/index.ts'

/** The relevant properties of a network device. */
export interface Device {
  readonly name: string
  readonly mac: string
  readonly kind: string | undefined
  readonly bridge: string | undefined
  /** With prefix length. */
  readonly addresses: readonly string[]
  /** Those with which other machines reach it, and which no router or DHCP server gave it: they are in its configuration. */
  readonly fixed: readonly string[]
  /** Does it take IPv6 addresses that a router announces? */
  readonly autoconf: boolean
  readonly mtu: number | undefined
}

/** A name that the kernel accepts (dev_valid_name). Checked because it goes into the host's network configuration. */
const device = z.string().regex(/^[^\s/:\p{Cc}]{1,15}$/u, 'expected a name of a device')
const Devices = z.array(
  z.looseObject({
    ifname: device,
    // A tunnel has an IP address here.
    address: z
      .string()
      .regex(/^[\da-fA-F:.]{0,59}$/, 'expected a hardware address')
      .optional(),
    master: device.optional(),
    mtu: z.int().min(0).max(0xffff_ffff).optional(),
    linkinfo: z.looseObject({ info_kind: z.string().max(32).optional() }).optional(),
    addr_info: z
      .array(
        z.looseObject({
          local: z
            .string()
            .regex(/^[\da-fA-F:.]{0,45}$/, 'expected an address')
            .optional(),
          prefixlen: z.int().min(0).max(128).optional(),
          scope: z.string().max(32).optional(),
          dynamic: z.boolean().optional(),
        }),
      )
      .optional(),
  }),
)

/** Parses `ip -j -d addr show` (iproute2). Throws TaskError. */
export const parseDevices = (text: string): Device[] =>
  hostJson('ip -j -d addr show', 'the network devices', text, Devices).map(raw => {
    const all = (raw.addr_info ?? []).map(a => ({
      ...a,
      text: `${a.local ?? ''}/${a.prefixlen ?? ''}`,
    }))
    const global = all.filter(a => a.scope === 'global')
    return {
      name: raw.ifname,
      mac: raw.address ?? '',
      kind: raw.linkinfo?.info_kind,
      bridge: raw.master,
      addresses: all.map(a => a.text),
      fixed: global.filter(a => a.dynamic !== true).map(a => a.text),
      autoconf: global.some(a => a.dynamic === true && a.text.includes(':')),
      mtu: raw.mtu,
    }
  })
