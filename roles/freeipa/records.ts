import type { Rr, Zone } from '../shared/dns/zones.ts'
import { TaskError } from '../../lib/index.ts'
import type { Entry } from './ldif.ts'

/** The types that FreeIPA and the inventory both know; FreeIPA has no CAA (ipa help dns). Attribute and option are `arecord` and `--a-rec`. */
const TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'PTR', 'SRV', 'TXT'] as const
type Type = (typeof TYPES)[number]

/** A second value of these would make an answer wrong, so fmc sets all values of a name; of the others it adds its own. */
const WHOLE: readonly Type[] = ['A', 'AAAA', 'CNAME', 'PTR']
/** Types whose value ends with a name. */
const NAMED: readonly Type[] = ['CNAME', 'MX', 'PTR', 'SRV']

/** What FreeIPA's directory says of DNS. */
export interface Directory {
  /** By zone; in it, `NAME TYPE` → values. Names are relative, `@` is the zone itself. */
  readonly zones: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>
  /** By full name of the server. */
  readonly forwarders: ReadonlyMap<string, Forwarders>
}

/** Whom a DNS server asks for names of others, and whether it asks the root servers if they do not answer. */
export interface Forwarders {
  readonly addresses: readonly string[]
  /** first, only or none. */
  readonly policy: string
}

/** One call of ipa(1) that is due. */
export interface Call {
  readonly what: string
  readonly words: readonly string[]
}

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '')

/** `ldapsearch -b cn=dns,…`: zones and records of bind-dyndb-ldap, and the DNS servers (FreeIPA, install/share/60ipadns.ldif). */
export function directoryOf(entries: readonly Entry[]): Directory {
  const zones = new Map<string, Map<string, readonly string[]>>()
  const forwarders = new Map<string, Forwarders>()
  for (const { dn, attributes } of entries) {
    const server = attributes.get('idnsserverid')?.[0]
    if (server !== undefined)
      forwarders.set(server, {
        addresses: attributes.get('idnsforwarders') ?? [],
        policy: attributes.get('idnsforwardpolicy')?.[0] ?? 'first',
      })
    const [, name = '', zone] = /^(?:idnsname=([^,]+),)?idnsname=([^,]+),cn=dns,/.exec(dn) ?? []
    if (zone === undefined) continue
    const records = zones.get(bare(zone)) ?? new Map<string, readonly string[]>()
    zones.set(bare(zone), records)
    for (const type of TYPES) {
      const values = attributes.get(`${type.toLowerCase()}record`)
      if (values) records.set(`${name === '' ? '@' : name} ${type}`, values)
    }
  }
  return { zones, forwarders }
}

/** A value as fmc compares it: names absolute and in small letters. */
function plain(type: Type, value: string, zone: string): string {
  if (!NAMED.includes(type)) return value
  const words = value.trim().split(/\s+/)
  const last = words.pop() ?? ''
  const name = last.endsWith('.') ? bare(last) : `${bare(last)}.${zone}`
  return [...words, `${name}.`].join(' ')
}

interface Wanted {
  readonly name: string
  readonly type: Type
  readonly values: readonly string[]
}

/** The records that FreeIPA has to have; it manages the NS records itself. Throws TaskError for a type that it does not know. */
function wantedIn(zone: Zone): Wanted[] {
  const found = new Map<string, Wanted>()
  for (const record of zone.records.filter(r => r.type !== 'NS')) {
    const type = TYPES.find(t => t === record.type)
    if (type === undefined || record.ttl !== undefined)
      throw new TaskError(
        `dns_records: ${record.name} ${record.type}: ${unsupported(record) ?? ''}`,
      )
    const name = record.name === zone.name ? '@' : record.name.slice(0, -zone.name.length - 1)
    const before = found.get(`${name} ${type}`)?.values ?? []
    found.set(`${name} ${type}`, { name, type, values: [...before, record.value] })
  }
  return [...found.values()]
}

/** Why FreeIPA cannot have a record; undefined: it can. */
export const unsupported = ({ type, ttl }: Pick<Rr, 'type' | 'ttl'>): string | undefined =>
  !TYPES.some(t => t === type) && type !== 'NS'
    ? `FreeIPA has no records of type ${type}`
    : ttl !== undefined
      ? 'FreeIPA keeps one ttl for all records of a name, so this role sets none'
      : undefined

/**
 * The calls that a zone needs: make it, and add or correct its records. Others in it are left alone. `fresh`: the server's own
 * record that its installation makes.
 */
export function zoneCalls(zone: Zone, directory: Directory): Call[] {
  const records = directory.zones.get(zone.name)
  const make: Call[] = records
    ? []
    : [
        {
          what: 'create',
          // The private networks are this cloud's own, whatever other servers say of them.
          words: ['dnszone-add', `${zone.name}.`, '--skip-overlap-check'],
        },
      ]
  return [...make, ...wantedIn(zone).flatMap(w => recordCalls(zone.name, w, records))]
}

function recordCalls(
  zone: string,
  { name, type, values }: Wanted,
  records: ReadonlyMap<string, readonly string[]> | undefined,
): Call[] {
  const now = records?.get(`${name} ${type}`) ?? []
  const has = new Set(now.map(v => plain(type, v, zone)))
  const want = new Set(values.map(v => plain(type, v, zone)))
  const missing = [...want].filter(v => !has.has(v))
  const whole = WHOLE.includes(type)
  const surplus = whole ? [...has].filter(v => !want.has(v)) : []
  if (missing.length === 0 && surplus.length === 0) return []
  const option = (v: string): string => `--${type.toLowerCase()}-rec=${v}`
  const at = [`${zone}.`, name]
  // dnsrecord-mod replaces all values of the type (ipa help dns).
  return whole && has.size > 0
    ? [
        {
          what: `${name} ${type} ${[...has].join(', ')} → ${[...want].join(', ')}`,
          words: ['dnsrecord-mod', ...at, ...[...want].map(option)],
        },
      ]
    : [
        {
          what: `${name} ${type} ${missing.join(', ')}`,
          words: ['dnsrecord-add', ...at, ...missing.map(option)],
        },
      ]
}

/** The call that sets the forwarders of a server; undefined: they are as declared, in whatever order. */
export function forwarderCall(
  fqdn: string,
  wanted: Forwarders,
  { forwarders }: Directory,
): Call | undefined {
  const shown = ({ addresses, policy }: Forwarders): string =>
    `${addresses.length === 0 ? 'none' : [...addresses].sort().join(', ')} (${policy})`
  const now = shown(forwarders.get(fqdn) ?? { addresses: [], policy: 'first' })
  if (now === shown(wanted)) return undefined
  return {
    what: `${now} → ${shown(wanted)}`,
    words: [
      'dnsserver-mod',
      fqdn,
      ...wanted.addresses.map(w => `--forwarder=${w}`),
      `--forward-policy=${wanted.policy}`,
    ],
  }
}

/** A directory as the installation leaves it: the domain with the server's own record. */
export const freshDirectory = (
  { domain, fqdn, addresses }: { domain: string; fqdn: string; addresses: readonly string[] },
  forwarders: Forwarders,
): Directory => ({
  zones: new Map([[domain, new Map([[`${fqdn.slice(0, -domain.length - 1)} A`, addresses]])]]),
  forwarders: new Map([[fqdn, forwarders]]),
})

/** The calls that take away the name of a host and its pointers, as far as they are there. */
export function forgetCalls(
  records: readonly Rr[],
  zones: readonly Pick<Zone, 'name'>[],
  directory: Directory,
): Call[] {
  return records.flatMap(({ name, type, value }) => {
    const zone = zones
      .filter(z => name.endsWith(`.${z.name}`))
      .sort((a, b) => b.name.length - a.name.length)[0]?.name
    const kind = TYPES.find(t => t === type)
    if (zone === undefined || kind === undefined) return []
    const owner = name.slice(0, -zone.length - 1)
    const there = directory.zones
      .get(zone)
      ?.get(`${owner} ${kind}`)
      ?.find(v => plain(kind, v, zone) === plain(kind, value, zone))
    if (there === undefined) return []
    return [
      {
        what: `${name} ${kind} ${there}`,
        words: ['dnsrecord-del', `${zone}.`, owner, `--${kind.toLowerCase()}-rec=${there}`],
      },
    ]
  })
}
