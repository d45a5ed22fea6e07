import { TaskError, type Inventory } from '../../lib/index.ts'

/** `server:/path` with the server's address when it is a host of the inventory: a mount at boot then needs no DNS. */
export function nfsSource(source: string, { hosts }: Inventory): string {
  const cut = source.indexOf(':/')
  const server = hosts.get(source.slice(0, cut))
  return server ? `${server.nics[0]?.address ?? server.address}${source.slice(cut)}` : source
}

/** A network's or a host's addresses as pg_hba.conf wants them. Throws TaskError for what is neither, nor an address range. */
export function addressRange(address: string, { networks, hosts }: Inventory): string {
  const network = networks.get(address)
  if (network) return network.cidr
  const host = hosts.get(address)
  if (host) return `${host.nics[0]?.address ?? host.address}/32`
  if (/^[0-9a-fA-F:.]+\/\d{1,3}$/.test(address)) return address
  throw new TaskError(
    `postgresql_hba: ${JSON.stringify(address)} is no network or host of the inventory and no range such as 10.17.4.0/24`,
  )
}
