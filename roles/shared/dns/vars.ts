import { z } from '../../../lib/index.ts'

const OCTET = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)'
/** Exact, because chronyd -p accepts a wrong block with which chronyd then refuses to start. */
export const CIDR = new RegExp(`^(${OCTET}\\.){3}${OCTET}/(3[0-2]|[12]?\\d)$`)
const ADDRESS = /^[\da-fA-F:.]+$/
const SERVER = /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** A name within the domain: labels, perhaps with a leading * or _ (SRV, TXT); @ is the domain itself. */
const OWNER =
  /^(@|(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*)$/

export const seconds = (max: number) => z.int().min(1).max(max)
export const text = (pattern: RegExp, expected: string) =>
  z.string().regex(pattern, { error: `expected ${expected}` })

export const record = z.strictObject({
  name: text(OWNER, 'a name within the domain, such as git or *.apps, or @'),
  type: z.enum(['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'SRV', 'TXT']),
  value: text(/^[\x20-\x7e]+$/, 'printable ASCII on one line').describe(
    'As in a zone file; a TXT as plain text',
  ),
  ttl: seconds(604_800).optional(),
})

/** What a DNS server of the cloud needs to know: the roles for CoreDNS and FreeIPA have these variables in common. */
export const dnsVars = {
  dns_upstreams: z
    .array(text(ADDRESS, 'an IP address'))
    .min(1)
    .default(['1.1.1.1', '9.9.9.9'])
    .describe('Resolvers to which questions for all other names are forwarded'),
  dns_records: z
    .array(record)
    .default([])
    .describe('Further records of the domain: name, type, value and perhaps ttl'),
  dns_vip_names: z
    .record(z.string(), text(LABEL, 'a name of a-z, 0-9 and -'))
    .default({})
    .describe('Names of VIPs in the domain that differ from those in the inventory: {api: k8s}'),
}
export type DnsVars = z.output<z.ZodObject<typeof dnsVars>>

/** chrony as a server of the internal networks. */
export const ntpVars = {
  ntp_pools: z
    .array(text(SERVER, 'a host name'))
    .default(['pool.ntp.org'])
    .describe('Pools of NTP servers that this host follows'),
  ntp_servers: z
    .array(text(SERVER, 'a host name or address'))
    .default([])
    .describe('Single NTP servers that it follows'),
  ntp_clients: z
    .array(text(CIDR, 'a network such as 10.8.0.0/24'))
    .default([])
    .describe("Networks that chrony serves besides the inventory's own"),
  ntp_local_stratum: z
    .int()
    .min(1)
    .max(15)
    .default(10)
    .describe('Stratum of its answers while no source is reachable'),
}
export type NtpVars = z.output<z.ZodObject<typeof ntpVars>>
