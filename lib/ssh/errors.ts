import { UnreachableError } from '../errors.ts'
import { quoteAll } from '../shell/quote.ts'
import { rsaBits } from './algorithms.ts'
import type { Route } from './config.ts'
import type { IdentityFile } from './keys.ts'
import { fingerprint, keyType, knownName, type Verdict } from './known-hosts.ts'

/** address:port and the name that the user knows. */
export const where = (route: Route): string =>
  `${route.target.name} (${route.host}:${route.target.port})`

/** A host key that is not to be trusted. The message names type and fingerprint; the hint how to accept it. */
export const hostKeyError = (route: Route, key: Buffer, verdict: Verdict): UnreachableError => {
  const type = keyType(key)
  const shown = `${type} ${fingerprint(key)}`
  const name = knownName(route.knownAs, route.target.port)
  const file = route.knownHostsFiles[0] ?? '~/.ssh/known_hosts'
  if (verdict.kind === 'changed') {
    const known = verdict.known.map(e => `${e.type} ${fingerprint(e.key)} in ${e.where}`).join(', ')
    return new UnreachableError(
      `THE HOST KEY OF ${where(route)} HAS CHANGED: it shows ${shown}, but known is ${known}. ` +
        'Somebody may be listening in, or the host was reinstalled',
      {
        hint: `only if you know that it was reinstalled: ssh-keygen -f ${file} -R '${name}', then accept the new key`,
      },
    )
  }
  if (verdict.kind === 'revoked') {
    return new UnreachableError(
      `${where(route)} shows a host key that is revoked in ${verdict.where}: ${shown}`,
    )
  }
  return new UnreachableError(`the host key of ${where(route)} is not known: ${shown}`, {
    hint:
      `compare the fingerprint with what \`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub\` says on the host, ` +
      `then add this line to ${file}: ${name} ${type} ${key.toString('base64')}`,
  })
}

/** A host key with fewer bits than RequiredRSASize asks for. */
export const shortKeyError = (route: Route, key: Buffer): UnreachableError =>
  new UnreachableError(
    `${where(route)} shows an RSA key of ${rsaBits(key) ?? 0} bits, and RequiredRSASize is ${route.algorithms.rsaBits}: ${fingerprint(key)}`,
  )

/** An identity file among those that were tried. */
export const triedFile = ({ path, exposed }: IdentityFile): string =>
  exposed === undefined ? path : `${path} (not used: others may read it, mode ${exposed})`

/** No login: names every key and agent that was tried or left out. `files`: the identity files, for the hint. */
export const authError = (
  route: Route,
  tried: readonly string[],
  files: readonly IdentityFile[],
  reason?: string,
): UnreachableError => {
  const exposed = files.filter(f => f.exposed !== undefined)
  return new UnreachableError(
    `${where(route)} refused the login of ${route.target.user}: ` +
      (tried.length > 0 ? `tried ${tried.join(', ')}` : 'there was no key to try') +
      (reason ? ` (${reason})` : ''),
    {
      hint:
        exposed.length > 0
          ? `chmod 600 ${quoteAll(exposed.map(f => f.path))}`
          : `put a public key of yours into ~${route.target.user}/.ssh/authorized_keys there, or name the right identity file`,
    },
  )
}

/** Reasons a socket gives, in words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'timed out',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name lookup failed',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
}

/** One sentence about why a socket or handshake failed. */
export const reasonOf = (error: unknown): string => {
  const inner =
    error instanceof AggregateError && error.errors.length > 0
      ? (error.errors as unknown[])[0]
      : error
  if (!(inner instanceof Error)) return String(inner)
  const code = (inner as NodeJS.ErrnoException).code
  return (code !== undefined && WORDS[code]) || inner.message
}

export const unreachable = (route: Route, error: unknown): UnreachableError =>
  new UnreachableError(`cannot reach ${where(route)}: ${reasonOf(error)}`, {
    cause: error,
    silent: true,
  })
