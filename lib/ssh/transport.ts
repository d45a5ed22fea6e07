import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import { where } from './errors.ts'
import { identityFile } from './keys.ts'
import { authorityFor, loadKnownHosts } from './known-hosts.ts'
import type { Limits, Link } from './link.ts'

/** What this route needs that ssh2 cannot do; undefined: nothing. */
const beyondSsh2 = async (route: Route): Promise<string | undefined> => {
  if (route.beyond !== undefined) return `ssh_config for ${where(route)}: ${route.beyond}`
  if (route.certificateFiles.length > 0)
    return `a user certificate (${route.certificateFiles.join(', ')})`
  const files = await Promise.all(route.identityFiles.map(identityFile))
  const certificate = files.find(f => f.certificate)
  if (certificate) return `a user certificate (${certificate.path}-cert.pub)`
  const fido = files.find(f => f.fido)
  if (fido) return `a FIDO key (${fido.path})`
  const odd = files.find(f => f.odd)
  if (odd) return `the form of a private key (${odd.path})`
  const authority = authorityFor(await loadKnownHosts(route.knownHostsFiles), route.known)
  if (authority) return `a host certificate (${authority.where})`
  for (const hop of route.jumps) {
    const reason = await beyondSsh2(hop)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Hosts with which ssh2 had no algorithm in common, by address, port and what fmc offers, and what ssh2 lacks. */
const beyondAlgorithms = new Map<string, string>()

const offerOf = (route: Route): string =>
  JSON.stringify([...route.jumps, route].map(r => [r.host, r.target.port, r.algorithms]))

/** Connects with ssh2 or with OpenSSH's client, as `transport` says. Rejects with UnreachableError. */
export const openLink = async (route: Route, limits: Limits): Promise<Link> => {
  const { transport = 'auto', name, onOpenssh } = route.target
  const overOpenssh = async (why: string | undefined): Promise<Link> => {
    if (why !== undefined) onOpenssh?.(why)
    return (await import('./openssh.ts')).openssh(route, limits, why)
  }
  if (transport === 'openssh') return overOpenssh(undefined)
  const reason =
    (await beyondSsh2(route)) ??
    (transport === 'auto' ? beyondAlgorithms.get(offerOf(route)) : undefined)
  if (reason !== undefined && transport === 'auto') return overOpenssh(reason)
  if (reason !== undefined)
    throw new UnreachableError(`${name}: ssh2 does not support ${reason}`, {
      hint: 'set ssh: { transport: auto } or { transport: openssh } in the inventory',
    })
  const { connect, noneInCommon } = await import('./connection.ts')
  return connect(route, limits).catch((error: unknown) => {
    // ssh may support an algorithm that ssh2 lacks; if not, its error names what the host offers.
    const kind = transport === 'auto' ? noneInCommon(error) : undefined
    if (kind === undefined) throw error
    beyondAlgorithms.set(offerOf(route), kind)
    return overOpenssh(kind)
  })
}
