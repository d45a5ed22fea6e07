import { execFile } from 'node:child_process'
import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import { authError, hostKeyError, triedFile, unreachable, where } from './errors.ts'
import { identityFile } from './keys.ts'
import { hostKeyOrder, judgeHost, keyType, knownFor, loadKnownHosts } from './known-hosts.ts'

/** The jump host or target that an error is about: each ssh of the chain prints its own host's name. */
const meant = (route: Route, is: (candidate: Route) => boolean): Route => {
  const at = route.jumps.findIndex(is)
  const hop = route.jumps[at]
  return hop ? { ...hop, jumps: route.jumps.slice(0, at) } : route
}

/** Turns OpenSSH's English messages into the errors that an ssh2 link gives. */
export const explain = async (route: Route, said: string): Promise<UnreachableError> => {
  if (
    /REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known for|Host key verification failed|REVOKED/.test(
      said,
    )
  ) {
    const [, name] = /host key (?:is known )?for (\S+) (?:and you|has changed)/i.exec(said) ?? []
    return keyError(
      meant(route, r => name === r.known.name),
      said,
    )
  }
  const [, user, host, methods] =
    /^(?:(.*)@(\S+): )?Permission denied \(([^)]*)\)/m.exec(said) ?? []
  if (methods !== undefined) {
    const refused = meant(route, r => r.target.user === user && r.host === host)
    const files = await Promise.all(refused.identityFiles.map(identityFile))
    return authError(
      refused,
      [...files.map(triedFile), ...(refused.agent ? [`agent ${refused.agent}`] : [])],
      files,
      `server takes ${methods}`,
    )
  }
  const line =
    said
      .split('\n')
      .map(l => l.trim())
      .filter(l => l !== '')
      .at(-1) ?? 'the connection was closed'
  const reason = /not responding/.test(line)
    ? 'it stopped answering'
    : line.replace(/^ssh: connect to host \S+ port \d+: /, '')
  return unreachable(route, /timed out/i.test(reason) ? 'timed out' : reason)
}

/** Fetches the host's key once more with ssh-keyscan, to name it in the error. */
const keyError = async (route: Route, said: string): Promise<UnreachableError> => {
  const entries = await loadKnownHosts(route.knownHostsFiles)
  const mine = knownFor(entries, route.known.name)
  const direct = route.proxyCommand === undefined && route.jumps.length === 0
  const text = direct ? await scan(route) : ''
  const keys = text.split('\n').flatMap(line => {
    const [, , blob] = line.startsWith('#') ? [] : line.split(' ')
    return blob === undefined ? [] : [Buffer.from(blob, 'base64')]
  })
  const order: string[] = hostKeyOrder(mine).map(a => (a.startsWith('rsa-') ? 'ssh-rsa' : a))
  const shown = keys
    .sort((x, y) => order.indexOf(keyType(x)) - order.indexOf(keyType(y)))
    .map(key => ({ key, verdict: judgeHost(entries, route.known, key) }))
  const worst = ['revoked', 'changed', 'unknown'].flatMap(
    kind => shown.find(k => k.verdict.kind === kind) ?? [],
  )[0]
  if (worst) return hostKeyError(route, worst.key, worst.verdict)
  return new UnreachableError(
    `the host key of ${where(route)} is not trusted: ${said.trim().replace(/\s*\n\s*/g, ' ')}`,
  )
}

const scan = (route: Route): Promise<string> =>
  new Promise(resolve => {
    execFile(
      'ssh-keyscan',
      ['-T', '5', '-t', 'ed25519,ecdsa,rsa', '-p', String(route.target.port), '--', route.host],
      (_, stdout) => resolve(stdout),
    )
  })
