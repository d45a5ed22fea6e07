import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { UnreachableError } from '../errors.ts'
import type { Route } from './config.ts'
import { authError, hostKeyError, triedFile, unreachable, where } from './errors.ts'
import { identityFile } from './keys.ts'
import { hostKeyOrder, judge, keyType, knownFor, knownName, loadKnownHosts } from './known-hosts.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'

/** OpenSSH's exit code for troubles of its own; a remote command that exits so cannot be told from it (ssh(1)). */
const OWN_TROUBLE = 255

/** Arguments before the command. Host keys are strict whatever the configuration says; nothing may ask a question. */
const argumentsFor = (route: Route, limits: Limits): string[] => {
  const { target } = route
  const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000))
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'UpdateHostKeys=no',
    'ControlMaster=no',
    'ControlPath=none',
    'ClearAllForwardings=yes',
    'ForwardAgent=no',
    'PermitLocalCommand=no',
    'RequestTTY=no',
    'EscapeChar=none',
    'LogLevel=ERROR',
    `ConnectTimeout=${seconds(target.connectTimeoutMs ?? limits.connectMs)}`,
    `ServerAliveInterval=${seconds(limits.keepaliveMs)}`,
    `ServerAliveCountMax=${limits.keepaliveCount}`,
  ]
  if (target.knownHostsFiles ?? target.moreKnownHostsFiles) {
    options.push(
      `UserKnownHostsFile=${route.knownHostsFiles.map(f => `"${f}"`).join(' ')}`,
      'GlobalKnownHostsFile=/dev/null',
    )
  }
  if (target.identityFiles) options.push('IdentitiesOnly=yes')
  const config = target.useSshConfig === false ? 'none' : limits.sshConfig
  return [
    ...(config === undefined ? [] : ['-F', config]),
    ...options.flatMap(o => ['-o', o]),
    ...(target.identityFiles ?? []).flatMap(f => ['-i', f]),
    ...['-T', '-p', String(target.port), '-l', target.user, '--', target.address],
  ]
}

/** The same kind of link over the system's `ssh`, one child (and one login) per process; it connects with the first `exec`. */
export const openssh = (route: Route, limits: Limits): Link => {
  const children = new Set<ChildProcess>()
  const args = argumentsFor(route, limits)
  return {
    exec: command =>
      new Promise((resolve, reject) => {
        // A session of its own: Ctrl-C on our terminal is for us to handle, not for ssh.
        const child = spawn('ssh', [...args, command], {
          stdio: ['pipe', 'pipe', 'pipe'],
          detached: true,
        })
        children.add(child)
        child.once('close', () => children.delete(child))
        child.once('error', error =>
          reject(unreachable(route, `cannot start ssh: ${error.message}`)),
        )
        child.once('spawn', () => resolve(pipe(child)))
      }),
    explain: said => explain(route, said),
    close: () => {
      for (const child of children) child.kill()
    },
  }
}

const pipe = (child: ChildProcess): Pipe => {
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error('ssh without streams')
  stdin.on('error', () => undefined) // the end of the process says it better
  const ended = new Promise<Ending>(resolve => {
    child.once('close', (code, signal) => {
      const lost = signal !== null || code === OWN_TROUBLE
      resolve({ code: lost ? undefined : (code ?? 0), signal: undefined })
    })
  })
  return { stdin, stdout, stderr, ended, destroy: () => child.kill() }
}

/** OpenSSH says in English what happened: turned into the same errors that the ssh2 link gives. */
const explain = async (route: Route, said: string): Promise<UnreachableError> => {
  if (
    /REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known for|Host key verification failed|REVOKED/.test(
      said,
    )
  ) {
    return keyError(route, said)
  }
  const denied = /Permission denied \(([^)]*)\)/.exec(said)
  if (denied) {
    const files = await Promise.all(route.identityFiles.map(identityFile))
    return authError(
      route,
      [...files.map(triedFile), ...(route.agent ? [`agent ${route.agent}`] : [])],
      files,
      `server takes ${denied[1] ?? ''}`,
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

/** Asks the host for its key once more, to name it in the error. */
const keyError = async (route: Route, said: string): Promise<UnreachableError> => {
  const mine = knownFor(
    await loadKnownHosts(route.knownHostsFiles),
    knownName(route.knownAs, route.target.port),
  )
  const direct = route.proxyCommand === undefined && route.jumps.length === 0
  const text = direct ? await scan(route) : ''
  const keys = text.split('\n').flatMap(line => {
    const [, , blob] = line.startsWith('#') ? [] : line.split(' ')
    return blob === undefined ? [] : [Buffer.from(blob, 'base64')]
  })
  const order: string[] = hostKeyOrder(mine).map(a => (a.startsWith('rsa-') ? 'ssh-rsa' : a))
  const shown = keys
    .sort((x, y) => order.indexOf(keyType(x)) - order.indexOf(keyType(y)))
    .map(key => ({ key, verdict: judge(mine, key) }))
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
