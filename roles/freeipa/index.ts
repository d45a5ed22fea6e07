import {
  $,
  estimateFrom,
  file,
  gate,
  hostname,
  inventory,
  line,
  packages,
  role,
  service,
  TaskError,
  type Host,
} from '../../lib/index.ts'
import { chronyConf } from '../shared/dns/chrony.ts'
import { questionsOf, type Question } from '../shared/dns/dig.ts'
import { dnsAnswers, timeIsServed } from '../shared/dns/gates.ts'
import { cloudOf, zonesOf, type Zone } from '../shared/dns/zones.ts'
import { firewalldOpen } from '../shared/firewalld/open.ts'
import { kerberosAnswers } from '../shared/freeipa/kerberos.ts'
import { fqdnOf, realmOf } from '../shared/freeipa/names.ts'
import { survey } from '../shared/freeipa/survey.ts'
import { interfaceOf } from '../shared/interface-of.ts'
import { portsAreFree, type Port } from '../shared/ports.ts'
import { advise } from './advice.ts'
import { dnsZone, forwarders, type Server } from './dns.ts'
import { checkPassword, installation } from './install.ts'
import { PLATFORMS } from './platform.ts'
import { freshDirectory, type Directory } from './records.ts'
import { allRun, servicesRun } from './services.ts'
import { judgeServer, type Declared } from './state.ts'
import { vars as schema, type Vars } from './vars.ts'

export { forgetInFreeipa } from './forget.ts'

const LOG_IN = 'log in as admin'

export default role({
  name: 'freeipa',
  summary:
    'A FreeIPA server: users, Kerberos and certificates, and DNS and NTP for the cloud in place of CoreDNS',
  vars: schema,
  advise,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    const { domain } = inventory()
    const want = declared(host)
    const zones = zonesHere(host, vars)
    checkPassword('freeipa_admin_password', vars.freeipa_admin_password)
    checkPassword('freeipa_directory_password', vars.freeipa_directory_password)
    const state = judgeServer(await survey(want.fqdn), want)

    for (const nic of host.nics) await interfaceOf(host, nic)
    await portsAreFree(...portsOf(want.addresses))
    await hostname(want.fqdn)
    // The installer refuses a name that stands for loopback.
    await line('/etc/hosts', `${want.addresses[0] ?? ''} ${want.fqdn} ${host.name}`)
    await packages(...platform.packages)
    const clients = [...inventory().networks.values()].map(n => n.cidr)
    await file(platform.chronyConf, {
      content: chronyConf({ platform, clients: [...clients, ...vars.ntp_clients], vars }),
      validate: candidate => `chronyd -p -f ${candidate} >/dev/null`,
      notify: 'restart chrony',
    })
    await service(platform.chronyUnit)
    if (platform.firewalld) await firewalldOpen(...OPENINGS)

    await installation({ state, declared: want, vars, notify: LOG_IN })
    const wanted = { addresses: vars.dns_upstreams, policy: vars.freeipa_forward_policy }
    const server = await running(state === 'installed' ? undefined : freshDirectory(want, wanted))
    await forwarders({ domain, server, fqdn: want.fqdn, wanted })
    for (const zone of zones) await dnsZone({ domain, server, zone })

    await gate("all of FreeIPA's services run", servicesRun, SOON)
    await gate('Kerberos gives tickets', () => kerberosAnswers(want.fqdn, domain), SOON)
    const questions = zones.flatMap(questionsOf)
    for (const address of want.addresses)
      await gate(
        `every name of the cloud is answered on ${address}`,
        () => allAnswered(address, questions),
        SOON,
      )
    for (const address of want.addresses.slice(0, 1))
      await gate('the time is served', () => timeIsServed(address), SOON)
  },
  handlers: {
    'restart chrony': ({ platform }) => $`systemctl restart ${platform.chronyUnit}`,
    [LOG_IN]: ({ vars }) =>
      $({
        name: 'log in as admin',
        stdin: vars.freeipa_admin_password,
        timeoutSeconds: 60,
      })`kinit -c MEMORY:fmc ${`admin@${realmOf(inventory().domain)}`}`,
  },
})

/** named publishes a change within a second, and a service that has started answers soon after. */
const SOON = { timeoutSeconds: 60 }

/** The ports of ipa-server-install's last message, and NTP. */
const OPENINGS = [
  ...['53/tcp', '53/udp', '80/tcp', '443/tcp', '88/tcp', '88/udp', '123/udp'],
  ...['389/tcp', '464/tcp', '464/udp', '636/tcp'],
]

/** Each port with the process of FreeIPA that may have it already. named may share 53 with a resolver on another address of loopback. */
const portsOf = (addresses: readonly string[]): readonly Port[] => [
  { service: 'FreeIPA', port: 53, owners: ['named '], addresses: ['127.0.0.1', ...addresses] },
  { service: 'chrony', port: 123, protocol: 'udp', owners: ['chronyd '], addresses: 'any' },
  ...(
    [
      [80, 'httpd '],
      [88, 'krb5kdc '],
      [389, 'ns-slapd '],
      [443, 'httpd '],
      [464, 'kadmind '],
      [636, 'ns-slapd '],
      [749, 'kadmind '],
      [8005, 'java '],
      [8080, 'java '],
      [8443, 'java '],
    ] as const
  ).map(([port, owner]): Port => ({
    service: 'FreeIPA',
    port,
    protocol: 'tcp',
    owners: [owner],
    addresses: 'any',
  })),
]

/** One question first: a server that does not answer costs a second for each. */
const allAnswered = async (
  address: string,
  questions: readonly Question[],
): Promise<true | string> => {
  const first = await dnsAnswers(address, questions.slice(0, 1))
  return first === true ? dnsAnswers(address, questions) : first
}

/** Starts what does not run. What a server that is down holds cannot be read, so the plan is an estimate until it runs. */
async function running(fresh: Directory | undefined): Promise<Server> {
  const ipa = await service('ipa')
  const services = await allRun({ started: fresh !== undefined || ipa.changed })
  if (fresh) return fresh
  estimateFrom(ipa)
  estimateFrom(services)
  return ipa.changed || services.changed ? 'starting' : 'running'
}

/** What the inventory says of this server. Throws TaskError when it has no address. */
function declared(host: Host): Declared {
  const { domain } = inventory()
  const addresses = host.nics.map(n => n.address)
  if (addresses.length === 0)
    throw new TaskError(`${host.name} needs a NIC in the inventory to answer on`)
  return {
    host: host.name,
    fqdn: fqdnOf(host, domain),
    realm: realmOf(domain),
    domain,
    addresses,
  }
}

/** The zones of the cloud. FreeIPA makes the NS records itself. */
const zonesHere = (host: Host, vars: Vars): readonly Zone[] =>
  zonesOf(cloudOf(inventory(), [host]), vars)
