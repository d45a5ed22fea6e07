import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import { where } from './errors.ts'
import { identityFile } from './keys.ts'
import { knownFor, knownName, loadKnownHosts } from './known-hosts.ts'
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
  const mine = knownFor(
    await loadKnownHosts(route.knownHostsFiles),
    knownName(route.knownAs, route.target.port),
  )
  const authority = mine.find(e => e.marker === '@cert-authority')
  if (authority && !mine.some(e => e.marker === undefined))
    return `a host certificate (${authority.where})`
  for (const hop of route.jumps) {
    const reason = await beyondSsh2(hop)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Connects with ssh2 or with OpenSSH's client, as `transport` says. Rejects with UnreachableError. */
export const openLink = async (route: Route, limits: Limits): Promise<Link> => {
  const { transport = 'auto', name } = route.target
  const reason = transport === 'openssh' ? 'asked for' : await beyondSsh2(route)
  if (reason === undefined) {
    const { connect, noneInCommon } = await import('./connection.ts')
    return connect(route, limits).catch((error: unknown) => {
      // ssh may support an algorithm that ssh2 lacks; if not, its error names what the host offers.
      if (transport === 'ssh2' || !noneInCommon(error)) throw error
      return overOpenssh(route, limits)
    })
  }
  if (transport === 'ssh2') {
    throw new UnreachableError(`${name}: ssh2 does not support ${reason}`, {
      hint: 'set ssh: { transport: auto } or { transport: openssh } in the inventory',
    })
  }
  return overOpenssh(route, limits)
}

const overOpenssh = async (route: Route, limits: Limits): Promise<Link> =>
  (await import('./openssh.ts')).openssh(route, limits)
