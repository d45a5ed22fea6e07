import { UnreachableError } from '../errors.ts'
import { quote, quoteAll } from '../shell/quote.ts'
import { rsaBits } from './algorithms.ts'
import type { Route } from './config.ts'
import type { IdentityFile } from './keys.ts'
import { fingerprint, keyType, type Verdict } from './known-hosts.ts'

/** The host for a message: `name (address:port)`. */
export const where = (route: Route): string =>
  `${route.target.name} (${route.host}:${route.target.port})`

/** The error of an untrusted host key. The message has its type and fingerprint; the hint says how to accept it. */
export const hostKeyError = (route: Route, key: Buffer, verdict: Verdict): UnreachableError => {
  const type = keyType(key)
  const shown = `${type} ${fingerprint(key)}`
  const { name } = route.known
  const [own] = route.knownHostsFiles
  const file = own === undefined ? '~/.ssh/known_hosts' : quote(own)
  if (verdict.kind === 'changed') {
    const known = verdict.known.map(e => `${e.type} ${fingerprint(e.key)} in ${e.where}`).join(', ')
    return new UnreachableError(
      `THE HOST KEY OF ${where(route)} HAS CHANGED: it shows ${shown}, but fmc knows ${known}. ` +
        'Someone may be intercepting the connection, or the host was reinstalled',
      {
        hint: `only if you know that the host was reinstalled: ssh-keygen -f ${file} -R '${name}', then accept the new key`,
      },
    )
  }
  if (verdict.kind === 'revoked') {
    return new UnreachableError(
      `${where(route)} shows a host key that is revoked in ${verdict.where}: ${shown}`,
    )
  }
  const unknown = `the host key of ${where(route)} is not known: ${shown}`
  // The type is the host's own text: in a line of known_hosts it could be a line more.
  if (!KEY_TYPE.test(type)) return new UnreachableError(unknown)
  return new UnreachableError(unknown, {
    hint: `echo ${quote(`${name} ${type} ${key.toString('base64')}`)} >>${file}   # if on the host ssh-keygen -lf ${publicKeyFile(type)} says the same`,
  })
}

/** Names of key types: printable, without blanks (RFC 4250, 4.6.1). */
const KEY_TYPE = /^[a-zA-Z0-9@._-]{1,64}$/

/** Where sshd has its host key by default: HostKey in sshd_config(5). */
const publicKeyFile = (type: string): string => {
  const kind = /ed25519|ecdsa|rsa/.exec(type)?.[0] ?? 'NAME'
  return `/etc/ssh/ssh_host_${kind}_key.pub`
}

/** The error of an RSA host key with fewer bits than RequiredRSASize demands. */
export const shortKeyError = (route: Route, key: Buffer): UnreachableError =>
  new UnreachableError(
    `${where(route)} shows an RSA key of ${rsaBits(key) ?? 0} bits, but RequiredRSASize is ${route.algorithms.rsaBits}: ${fingerprint(key)}`,
  )

/** How an error names an identity file that was tried. */
export const triedFile = ({ path, exposed, isPublic }: IdentityFile): string => {
  if (isPublic) return `${path} (a public key: its private key must be in an agent)`
  return exposed === undefined
    ? path
    : `${path} (not used: other users may read it, mode ${exposed})`
}

/**
 * The error of a refused login. It names every key and agent that was tried or skipped. `files`: the identity files, for
 * the hint.
 */
export const authError = (
  route: Route,
  tried: readonly string[],
  files: readonly IdentityFile[],
  reason?: string,
): UnreachableError => {
  return new UnreachableError(
    `${where(route)} refused the login of ${route.target.user}: ` +
      (tried.length > 0 ? `tried ${tried.join(', ')}` : 'there was no key to try') +
      (reason ? ` (${reason})` : ''),
    { hint: loginHint(route, files) },
  )
}

function loginHint({ target }: Route, files: readonly IdentityFile[]): string {
  const exposed = files.filter(f => f.exposed !== undefined)
  return exposed.length > 0
    ? `chmod 600 ${quoteAll(exposed.map(f => f.path))}`
    : `add your public key to ~${target.user}/.ssh/authorized_keys on the host, or set ssh.identity_file in the inventory`
}

/** The error before fmc connects: it has no key and no agent to log in with. It names every key that it looked for. */
export const keylessError = (
  route: Route,
  tried: readonly string[],
  files: readonly IdentityFile[],
): UnreachableError =>
  new UnreachableError(
    `fmc did not connect to ${where(route)}: it has no key to log in as ${route.target.user}` +
      (tried.length > 0 ? `; tried ${tried.join(', ')}` : ''),
    { hint: loginHint(route, files) },
  )

/** A socket's error codes in words. */
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

/** Why a socket or handshake failed, in one sentence. */
export const reasonOf = (error: unknown): string => {
  const inner =
    error instanceof AggregateError && error.errors.length > 0
      ? (error.errors as unknown[])[0]
      : error
  if (!(inner instanceof Error)) return String(inner)
  const code = (inner as NodeJS.ErrnoException).code
  return (code !== undefined && WORDS[code]) || inner.message
}

/** The error of a failed connection. */
export const unreachable = (route: Route, error: unknown): UnreachableError =>
  new UnreachableError(`cannot reach ${where(route)}: ${reasonOf(error)}`, {
    cause: error,
    silent: true,
  })
