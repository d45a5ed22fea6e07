import { TaskError, type Inventory } from '../../lib/index.ts'

/** `server:/path`, with the address in place of the name of a host of the inventory: a mount at boot then needs no DNS. */
export function nfsSource(source: string, { hosts }: Inventory): string {
  const cut = source.indexOf(':/')
  const server = hosts.get(source.slice(0, cut))
  return server ? `${server.nics[0]?.address ?? server.address}${source.slice(cut)}` : source
}

/** The address range that pg_hba.conf takes for a network, a host or a range. Throws TaskError for anything else. */
export function addressRange(address: string, { networks, hosts }: Inventory): string {
  const network = networks.get(address)
  if (network) return network.cidr
  const host = hosts.get(address)
  if (host) return `${host.nics[0]?.address ?? host.address}/32`
  if (/^[0-9a-fA-F:.]+\/\d{1,3}$/.test(address)) return address
  throw new TaskError(
    `postgresql_hba: ${JSON.stringify(address)} is neither a network or host of the inventory nor a range such as 10.17.4.0/24`,
  )
}
