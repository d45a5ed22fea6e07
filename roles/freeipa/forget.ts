import {
  ask,
  hosts,
  inventory,
  on,
  resource,
  TaskError,
  type Common,
  type Host,
} from '../../lib/index.ts'
import { zonesOf } from '../shared/dns/zones.ts'
import { fqdnOf, ipa, SERVERS } from '../shared/freeipa/names.ts'
import { survey } from '../shared/freeipa/survey.ts'
import { noNames } from './dns.ts'

/** The entry of a host, with its key and its certificates, is gone (ipa help host; exit code 2: not found). */
const noEntry = resource({
  name: ({ fqdn }: Common & { readonly fqdn: string; readonly domain: string }) =>
    `no FreeIPA host ${fqdn}`,
  needs: ({ fqdn, domain }) => ({ now: ask('command', ipa(domain, 'host-show', fqdn)) }),
  plan({ fqdn, domain }, { now }) {
    if (now.code === 2) return []
    if (now.code !== 0)
      throw new TaskError(`FreeIPA does not say whether it has ${fqdn}: ${now.stderr.trim()}`)
    return [{ what: 'delete', script: ipa(domain, 'host-del', fqdn) }]
  },
})

/** Takes a host's entry, names and pointers out of FreeIPA, if the inventory has a FreeIPA server and it is installed. */
export async function forgetInFreeipa(host: Host): Promise<void> {
  const { domain, groups, networks } = inventory()
  for (const server of groups.has(SERVERS) ? hosts(SERVERS) : [])
    if (server.name !== host.name)
      await on(server, async () => {
        if ((await survey(fqdnOf(server, domain))).server !== true) return
        const own = {
          domain,
          hosts: [host],
          vips: [],
          networks: [...networks.values()],
          nameservers: [server],
        }
        const zones = zonesOf(own, { dns_vip_names: {}, dns_records: [] })
        await noEntry({ fqdn: fqdnOf(host, domain), domain })
        await noNames({ domain, server: 'running', name: host.name, zones })
      })
}
