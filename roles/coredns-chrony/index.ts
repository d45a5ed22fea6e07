import {
  $,
  artifact,
  directory,
  file,
  gate,
  group,
  hosts,
  inventory,
  packages,
  probe,
  role,
  service,
  TaskError,
  unit,
  user,
  type Host,
} from '../../lib/index.ts'
import { notForeign } from '../shared/foreign-files.ts'
import { interfaceOf } from '../shared/interface-of.ts'
import { portsAreFree, type Port } from '../shared/ports.ts'
import { firewalldOpen } from '../shared/firewalld/open.ts'
import { applyFiles, checkBinary, checkCorefile, checkZone, TRIAL_PORTS } from './check.ts'
import { chronyConf } from '../shared/dns/chrony.ts'
import { questionsOf, type Question } from '../shared/dns/dig.ts'
import { dnsAnswers, timeIsServed } from '../shared/dns/gates.ts'
import { PLATFORMS, type Platform } from './platform.ts'
import { parseSerials, serialFor, serialsScript } from './serial.ts'
import { corednsUnit, COREFILE, corefile, zoneFile, zonePath } from './templates.ts'
import { vars as schema, type Vars } from './vars.ts'
import { cloudOf, zonesOf, type Zone } from '../shared/dns/zones.ts'

export default role({
  name: 'coredns-chrony',
  summary:
    'Authoritative DNS for every host and VIP, forwarding for the rest, and NTP for the internal networks',
  vars: schema,
  platforms: PLATFORMS,
  async tasks(context) {
    const { vars, host, platform } = context
    const { zones, address, corefile: text } = declared(context)
    const serials = await serialsOf(zones, vars.dns_ttl)
    const soa = zones.map((z): Question => ({
      name: z.name,
      type: 'SOA',
      answer: String(serials.get(z.name)),
    }))

    // A VPN's device comes later, from the role wireguard; CoreDNS then needs a restart.
    for (const nic of host.nics) await interfaceOf(host, nic)
    await notForeign({
      service: 'CoreDNS',
      paths: [COREFILE],
      instead: 'declare what it serves in dns_records, dns_upstreams and dns_corefile_extra',
    })
    await portsAreFree(...portsOf(vars, host))
    await packages(...platform.packages)
    await program(platform, zones)
    await directory('/etc/coredns/zones')
    for (const zone of zones)
      await file(zonePath(zone.name), {
        content: zoneFile(zone, serials.get(zone.name) ?? 0, vars.dns_ttl),
        validate: checkZone(platform.coredns, zone.name, questionsOf(zone)),
        notify: 'reload coredns',
      })
    await file(COREFILE, {
      content: text,
      validate: checkCorefile(platform.coredns, inventory().domain, zones.flatMap(questionsOf)),
      notify: 'reload coredns',
    })
    await unit('coredns.service', {
      content: corednsUnit(platform.coredns),
      notify: 'restart coredns',
    })
    await service('coredns')

    await file(platform.chronyConf, {
      content: chronyConf({ platform, clients: [...networks(), ...vars.ntp_clients], vars }),
      validate: candidate => `chronyd -p -f ${candidate} >/dev/null`,
      notify: 'restart chrony',
    })
    await service(platform.chronyUnit)
    if (platform.firewalld) await firewalldOpen('53/tcp', '53/udp', '123/udp')

    await gate(
      'the names of the cloud are answered',
      () => dnsAnswers(address, [...soa, ...sample(zones, host, address)]),
      SOON,
    )
    await gate('the time is served', () => timeIsServed(address), SOON)
  },
  handlers: {
    'restart coredns': context => serveFiles(context, 'restart'),
    'reload coredns': context => serveFiles(context, 'reload'),
    'restart chrony': ({ platform }) => $`systemctl restart ${platform.chronyUnit}`,
  },
})

interface Context {
  readonly vars: Vars
  readonly host: Host
  readonly platform: Platform
}

const LOOPBACK = ['127.0.0.1']

/** Every port that the role's services, and the second CoreDNS that tries its files, listen on. */
function portsOf(vars: Vars, host: Host): readonly Port[] {
  const coredns = { service: 'CoreDNS', owners: ['coredns '] }
  const addresses = [...LOOPBACK, ...host.nics.map(n => n.address)]
  return [
    { ...coredns, port: 53, addresses },
    {
      ...coredns,
      port: vars.dns_health_port,
      protocol: 'tcp',
      addresses: LOOPBACK,
      variable: 'dns_health_port',
    },
    {
      ...coredns,
      port: vars.dns_ready_port,
      protocol: 'tcp',
      addresses: LOOPBACK,
      variable: 'dns_ready_port',
    },
    ...TRIAL_PORTS.map((port): Port => ({
      ...coredns,
      service: 'the trial of CoreDNS',
      port,
      addresses,
    })),
    { service: 'chrony', port: 123, protocol: 'udp', addresses: 'any', owners: ['chronyd '] },
  ]
}

/** A healthy server answers at once. */
const SOON = { timeoutSeconds: 15 }

const networks = (): string[] => [...inventory().networks.values()].map(n => n.cidr)

/** What the inventory says: the zones, the Corefile, and the address that clients use. Throws TaskError for clashes. */
function declared({ vars, host }: Context): {
  zones: readonly Zone[]
  corefile: string
  address: string
} {
  const nameservers = vars.dns_nameservers === undefined ? [host] : hosts(vars.dns_nameservers)
  const zones = zonesOf(cloudOf(inventory(), nameservers), vars)
  const addresses = host.nics.map(n => n.address)
  const [address] = addresses
  if (address === undefined)
    throw new TaskError(`${host.name} needs a NIC in the inventory to answer on`)
  const clients = [...networks(), ...vars.dns_clients]
  return {
    zones,
    address,
    corefile: corefile({ zones: zones.map(z => z.name), addresses, clients, vars }),
  }
}

/** The serial for each zone, from what the host has now. Read before anything changes. */
async function serialsOf(zones: readonly Zone[], ttl: number): Promise<Map<string, number>> {
  const files = zones.map(z => ({ name: z.name, path: zonePath(z.name) }))
  const { stdout } = await probe({ whenNew: '' })`sh -c ${serialsScript(files)}`
  const known = parseSerials(stdout, files)
  return new Map(
    zones.map(z => [z.name, serialFor(known.get(z.name), serial => zoneFile(z, serial, ttl))]),
  )
}

/** CoreDNS itself, and its user. */
async function program(platform: Platform, zones: readonly Zone[]): Promise<void> {
  await group('coredns', { system: true })
  await user('coredns', { system: true, home: '/nonexistent' })
  await artifact('coredns', platform.coredns, {
    validate: checkBinary(zones[0]?.name ?? '.'),
    notify: 'restart coredns',
  })
}

/** Makes CoreDNS serve its new files; the task fails if it does not. */
const serveFiles = (context: Context, by: 'reload' | 'restart'): Promise<void> => {
  const { zones, corefile: text } = declared(context)
  return $`sh -c ${applyFiles(
    zones.map(z => z.name),
    text,
    by,
  )}`
}

/** Questions for the gate: this host and one VIP, forward and reverse. */
function sample(zones: readonly Zone[], host: Host, address: string): Question[] {
  const all = zones.flatMap(questionsOf)
  const addresses = [address, [...inventory().vips.values()][0]?.address]
  return addresses.flatMap(one => {
    const forward = all.find(
      q =>
        q.type === 'A' &&
        q.answer === one &&
        (one !== address || q.name.startsWith(`${host.name}.`)),
    )
    const reverse = forward && all.find(q => q.type === 'PTR' && q.answer === `${forward.name}.`)
    return [...(forward ? [forward] : []), ...(reverse ? [reverse] : [])]
  })
}
