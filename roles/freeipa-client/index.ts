import {
  gate,
  hostname,
  hosts,
  inventory,
  packages,
  probe,
  role,
  service,
  TaskError,
  type Advice,
  type Advisor,
  type Host,
} from '../../lib/index.ts'
import { kerberosAnswers } from '../shared/freeipa/kerberos.ts'
import { CLIENTS, fqdnOf, realmOf, SERVERS } from '../shared/freeipa/names.ts'
import { survey } from '../shared/freeipa/survey.ts'
import { enrol } from './enrolment.ts'
import { PLATFORMS } from './platform.ts'
import { judgeClient } from './state.ts'
import { vars as schema, type Vars } from './vars.ts'

export default role({
  name: 'freeipa-client',
  summary:
    "A host enrolled in FreeIPA: its users and groups, sudo rules, and the host's own Kerberos key",
  vars: schema,
  advise,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    const { domain } = inventory()
    const fqdn = fqdnOf(host, domain)
    const server = theServer()
    const state = judgeClient(await survey(fqdn), { host: host.name, realm: realmOf(domain) })

    await hostname(fqdn)
    await packages(...platform.packages)
    if (state === 'absent') {
      const name = fqdnOf(server, domain)
      await gate(`${name} is known here`, () => resolves(name, server), SOON)
      await enrol({ host, server, domain, vars })
    } else await service('sssd')
    await gate('SSSD runs', async () => (await probe`systemctl is-active sssd`).ok, SOON)
    await gate('Kerberos knows this host', () => kerberosAnswers(fqdn, domain), SOON)
  },
})

/** A server that runs answers at once. */
const SOON = { timeoutSeconds: 30 }

/** The server. Throws TaskError when the inventory has none or several. */
function theServer(): Host {
  const [server, ...others] = inventory().groups.has(SERVERS) ? hosts(SERVERS) : []
  if (server === undefined || others.length > 0)
    throw new TaskError(
      `the group ${SERVERS} must have one host, the FreeIPA server, and it has ${others.length === 0 ? 'none' : [server?.name, ...others.map(o => o.name)].join(', ')}`,
    )
  return server
}

/** true when this host finds the server by its name, else what it finds. */
async function resolves(name: string, server: Host): Promise<true | string> {
  const { stdout } = await probe`timeout 10 getent ahostsv4 ${name}`
  const found = [...new Set(stdout.split('\n').flatMap(l => l.split(' ')[0] || []))]
  if (server.nics.some(n => found.includes(n.address))) return true
  return `${name} is ${found.length === 0 ? 'unknown' : found.join(', ')}: the host asks another DNS server (/etc/resolv.conf)`
}

/** What `fmc lint` says. */
function advise({ host, inventory }: Advisor<Vars>): readonly Advice[] {
  const servers = inventory.groups.get(SERVERS) ?? []
  if (servers.includes(host.name))
    return [
      {
        severity: 'error',
        message: `${host.name} is the FreeIPA server, which is enrolled in itself`,
        hint: `take it out of the group ${CLIENTS}`,
      },
    ]
  if (servers.length === 1) return []
  return [
    {
      at: ['groups'],
      severity: 'error',
      message: `${CLIENTS} has hosts, and ${SERVERS} must have one host for them to be enrolled on; it has ${servers.length}`,
      hint: `${SERVERS}: { hosts: [HOST] }`,
    },
  ]
}
