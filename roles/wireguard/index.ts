import {
  $,
  directory,
  file,
  gate,
  guarded,
  inventory,
  nonsense,
  on,
  packages,
  probe,
  role,
  secret,
  service,
  sysctl,
  TaskError,
  type Host,
} from '../../lib/index.ts'
import { firewalldOpenEverywhere } from '../shared/firewalld/open.ts'
import { endpointsFollow } from './endpoints.ts'
import { portsAreFree } from '../shared/ports.ts'
import { notForeign, tunnelPort } from './foreign.ts'
import { KEY } from './keys.ts'
import { PLATFORMS } from './platform.ts'
import {
  DIRECTORY,
  drift,
  keyFile,
  parseWritten,
  runningScript,
  unitOf,
  writtenScript,
  type Written,
} from './status.ts'
import { config, interfaceSection, keysIn, sections, type KnownPeer } from './templates.ts'
import {
  configuration,
  guardOf,
  networkInterface,
  privateKey,
  reloadScript,
  restartScript,
  runningOf,
} from './tunnel.ts'
import { tunnelOf, type Peer, type Tunnel } from './vpn.ts'
import { vars as schema, type Vars } from './vars.ts'

export default role({
  name: 'wireguard',
  summary: 'The VPN: hub, spokes and road warriors of a network of mode wireguard',
  vars: schema,
  platforms: PLATFORMS,
  async tasks(context) {
    const { vars, host, platform } = context
    const tunnel = tunnelOf(inventory(), host, vars)
    if (tunnel === undefined) return
    const { device } = tunnel

    await notForeign(host, device, vars.wireguard_private_key)
    if (tunnel.port !== undefined) await portsAreFree(tunnelPort(tunnel.port))
    await packages(...platform.packages)
    await directory(DIRECTORY, { mode: '0700' })
    if (vars.wireguard_private_key === undefined) await privateKey({ device })
    else
      await file(keyFile(device), {
        content: secret`${vars.wireguard_private_key}\n`,
        mode: '0600',
      })
    if (platform.firewalld && tunnel.port !== undefined)
      await firewalldOpenEverywhere(`${tunnel.port}/udp`)
    if (tunnel.forwards) await sysctl('net.ipv4.ip_forward', 1)

    const before = parseWritten(await read(writtenScript(device)))
    const peers = await withKeys(tunnel.peers, keysIn(before?.text ?? ''))
    await guarded('wireguard', guardOf(device, vars.wireguard_guard_seconds), async () => {
      const file = await configuration({
        device,
        content: config(tunnel, peers, vars),
        ...(before === undefined ? {} : { notify: await handlerFor(tunnel, before, vars) }),
      })
      const started = await service(unitOf(device))
      if (!file.changed)
        await networkInterface({
          tunnel,
          peers,
          mtu: vars.wireguard_mtu,
          starting: started.changed,
        })
    })
    await endpointsFollow(tunnel)
    await gate('the tunnel is up', () => isUp(tunnel, peers, vars))
  },
  handlers: {
    'restart wireguard': context => $`sh -c ${restartScript(tunnelHere(context))}`,
    'reload wireguard': context => $`sh -c ${reloadScript(tunnelHere(context))}`,
  },
})

interface Context {
  readonly vars: Vars
  readonly host: Host
}

/** The tunnel of a host that is in a VPN. */
function tunnelHere({ vars, host }: Context): Tunnel {
  const tunnel = tunnelOf(inventory(), host, vars)
  if (tunnel === undefined) throw new Error(`${host.name} is in no VPN`)
  return tunnel
}

/** Runs a read-only script. The role decides by the state from before the run, so a plan stays exact. */
async function read(
  script: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await probe({ estimate: false })`sh -c ${script}`
  return { code: exitCode, stdout, stderr }
}

/** A reload changes peers while other tunnels stay up. A new address, port, MTU or command needs a restart. */
async function handlerFor(tunnel: Tunnel, before: Written, vars: Vars): Promise<string> {
  const running = runningOf(tunnel.device, await read(runningScript(tunnel.device)))
  const same = sections(before.text).get('') === interfaceSection(tunnel, vars).trim()
  return running !== undefined && same ? 'reload wireguard' : 'restart wireguard'
}

/** The peers with their public keys. Waits for hosts that are about to make theirs. */
async function withKeys(
  peers: readonly Peer[],
  lastKnown: ReadonlyMap<string, string>,
): Promise<KnownPeer[]> {
  const lookUp = (): Promise<KnownPeer[]> =>
    Promise.all(
      peers.map(async peer => ({ ...peer, key: peer.publicKey ?? (await keyOf(peer, lastKnown)) })),
    )
  let known = await lookUp()
  if (known.some(p => p.key === undefined))
    await gate('the peers have their keys', async () => {
      known = await lookUp()
      const missing = known.filter(p => p.key === undefined).map(p => p.name)
      return (
        missing.length === 0 ||
        `${missing.join(', ')} has no key yet: run the role wireguard there, too`
      )
    })
  ownKeys(known)
  return known
}

/** The key in the answer of `wg pubkey`, which goes into other hosts' configurations. Throws TaskError unless it is one key on one line. */
export function keyIn(stdout: string, of: string): string {
  const key = stdout.replace(/\n$/, '')
  if (KEY.test(key)) return key
  throw nonsense(
    `wg pubkey on ${of}`,
    'its public key',
    stdout,
    'this is not a key of 44 characters',
  )
}

/**
 * Throws TaskError for two peers with the same key. WireGuard treats them as one peer, so a host that copies another's
 * key would get its networks.
 */
export function ownKeys(peers: readonly KnownPeer[]): void {
  const seen = new Map<string, string>()
  for (const { name, key } of peers) {
    const other = key === undefined ? undefined : seen.get(key)
    if (other !== undefined)
      throw new TaskError(`${other} and ${name} have the same public key`, {
        hint: 'each needs its own key: remove the key file of the one that copied it, and run again',
      })
    if (key !== undefined) seen.set(key, name)
  }
}

/** The public key of a peer. For an unreachable peer it is the key that this host already knows. */
async function keyOf(
  { name, ask }: Peer,
  lastKnown: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  if (ask === undefined) return undefined
  try {
    const { code, stdout } = await on(ask.host, () => read(`wg pubkey <${keyFile(ask.device)}`))
    return code === 0 ? keyIn(stdout, ask.host.name) : undefined
  } catch (error) {
    const key = lastKnown.get(name)
    if (KEY.test(key ?? '') && error instanceof Error && error.name === 'UnreachableError')
      return key
    throw error
  }
}

/** true when the interface runs as declared and all peers that are always on answer, else what is wrong. */
async function isUp(
  tunnel: Tunnel,
  peers: readonly KnownPeer[],
  vars: Vars,
): Promise<true | string> {
  const { device } = tunnel
  const [written, status, shaken] = await Promise.all([
    read(writtenScript(device)),
    read(runningScript(device)),
    read(handshakes(device, peers)),
  ])
  const running = runningOf(device, status)
  if (running === undefined) return `there is no interface ${device}: ${status.stderr.trim()}`
  const own = parseWritten(written)
  if (own === undefined) return `no configuration: ${written.stderr.trim()}`
  const [wrong] = drift(
    tunnel,
    peers,
    { publicKey: own.publicKey, mtu: vars.wireguard_mtu },
    running,
  )
  if (wrong !== undefined) return wrong.what
  return silentPeer(peers, shaken.stdout)
}

/** Read-only shell text that prints the time now and of each peer's last handshake. The pings wake up idle tunnels. */
const handshakes = (device: string, peers: readonly KnownPeer[]): string => {
  const addresses = peers.filter(p => p.alwaysOn).map(p => p.address)
  return `for a in ${addresses.join(' ')}; do ping -c 1 -W 1 "$a" >/dev/null 2>&1 & done; wait
date +%s; wg show ${device} latest-handshakes`
}

/** WireGuard renews a tunnel in use every two minutes and rejects it after three (REJECT_AFTER_TIME). */
const HANDSHAKE_SECONDS = 180

/**
 * true when all peers that are always on had a handshake in the last 180 s, else the names of the others. `answer` is the
 * output of `handshakes`; throws TaskError when it makes no sense.
 */
export function silentPeer(peers: readonly KnownPeer[], answer: string): true | string {
  const [now = '', ...lines] = answer.trim().split('\n')
  const odd = [`now ${now}`, ...lines].find(l => !/^\S+\s\d{1,12}$/.test(l))
  if (odd !== undefined) throw nonsense('the host', 'the last handshakes', odd)
  const last = new Map(lines.map(l => l.split(/\s/, 2) as [string, string]))
  const without = (isWrong: (age: number) => boolean): string[] =>
    peers
      .filter(p => p.alwaysOn && isWrong(Number(now) - Number(last.get(p.key ?? '') ?? 0)))
      .map(p => p.name)
  const later = without(age => age < -HANDSHAKE_SECONDS)
  if (later.length > 0)
    return `the last handshake with ${later.join(', ')} is in the future: the clock was set back since, and the next one will tell`
  const silent = without(age => age > HANDSHAKE_SECONDS)
  return (
    silent.length === 0 ||
    `no handshake with ${silent.join(', ')} in the last ${HANDSHAKE_SECONDS} s`
  )
}
