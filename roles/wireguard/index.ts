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
import { firewalldOpen } from '../shared/firewalld/open.ts'
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

interface Context {
  readonly vars: Vars
  readonly host: Host
}

/** A tunnel that is used is renewed every two minutes (WireGuard's REKEY_AFTER_TIME and REJECT_AFTER_TIME). */
const FRESH_SECONDS = 180

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

    await packages(...platform.packages)
    await directory(DIRECTORY, { mode: '0700' })
    if (vars.wireguard_private_key === undefined) await privateKey({ device })
    else
      await file(keyFile(device), {
        content: secret`${vars.wireguard_private_key}\n`,
        mode: '0600',
      })
    if (platform.firewalld && tunnel.port !== undefined) await firewalldOpen(`${tunnel.port}/udp`)
    if (tunnel.forwards) await sysctl('net.ipv4.ip_forward', 1)

    const before = parseWritten(await look(writtenScript(device)))
    const peers = await withKeys(tunnel.peers, keysIn(before?.text ?? ''))
    await guarded('wireguard', guardOf(device, vars.wireguard_guard_seconds), async () => {
      const file = await configuration({
        device,
        content: config(tunnel, peers, vars),
        ...(before === undefined ? {} : { notify: await howToTake(tunnel, before, vars) }),
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
    await gate('the tunnel is up', () => isUp(tunnel, peers, vars))
  },
  handlers: {
    'restart wireguard': context => $`sh -c ${restartScript(tunnelHere(context))}`,
    'reload wireguard': context => $`sh -c ${reloadScript(tunnelHere(context))}`,
  },
})

function tunnelHere({ vars, host }: Context): Tunnel {
  const tunnel = tunnelOf(inventory(), host, vars)
  if (tunnel === undefined) throw new Error(`${host.name} is in no VPN`)
  return tunnel
}

/** What a read-only script says. It decides by the state from before the run, so a plan stays exact. */
async function look(
  script: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await probe({ estimate: false })`sh -c ${script}`
  return { code: exitCode, stdout, stderr }
}

/** Peers come and go while the tunnels stay up; an address, port, MTU or command needs the interface made anew. */
async function howToTake(tunnel: Tunnel, before: Written, vars: Vars): Promise<string> {
  const running = runningOf(tunnel.device, await look(runningScript(tunnel.device)))
  const same = sections(before.text).get('') === interfaceSection(tunnel, vars).trim()
  return running !== undefined && same ? 'reload wireguard' : 'restart wireguard'
}

/** The peers with their public keys. Hosts of the inventory make theirs themselves, perhaps at this moment. */
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
        missing.length === 0 || `${missing.join(', ')} has no key yet: this role makes it there`
      )
    })
  ownKeys(known)
  return known
}

/** The answer of `wg pubkey`: one line, one key. It goes into other hosts' configurations. Throws TaskError. */
export function keyIn(stdout: string, of: string): string {
  const key = stdout.replace(/\n$/, '')
  if (KEY.test(key)) return key
  throw nonsense(`wg pubkey on ${of}`, 'its public key', stdout, 'this is no key of 44 characters')
}

/** WireGuard takes two peers of one key for one: whoever claims another's key takes its networks. Throws TaskError. */
export function ownKeys(peers: readonly KnownPeer[]): void {
  const seen = new Map<string, string>()
  for (const { name, key } of peers) {
    const other = key === undefined ? undefined : seen.get(key)
    if (other !== undefined)
      throw new TaskError(`${other} and ${name} have the same public key`, {
        hint: 'each needs a key of its own: remove the key file of the one that has copied it, and run again',
      })
    if (key !== undefined) seen.set(key, name)
  }
}

/** Who cannot be reached keeps the key that this host knows already. */
async function keyOf(
  { name, ask }: Peer,
  lastKnown: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  if (ask === undefined) return undefined
  try {
    const { code, stdout } = await on(ask.host, () => look(`wg pubkey <${keyFile(ask.device)}`))
    return code === 0 ? keyIn(stdout, ask.host.name) : undefined
  } catch (error) {
    const key = lastKnown.get(name)
    if (KEY.test(key ?? '') && error instanceof Error && error.name === 'UnreachableError')
      return key
    throw error
  }
}

async function isUp(
  tunnel: Tunnel,
  peers: readonly KnownPeer[],
  vars: Vars,
): Promise<true | string> {
  const { device } = tunnel
  const [written, status, shaken] = await Promise.all([
    look(writtenScript(device)),
    look(runningScript(device)),
    look(handshakes(device, peers)),
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

/** Read-only shell text that tells when peers shook hands last. A packet to those that are always on makes a tunnel that slept wake up. */
const handshakes = (device: string, peers: readonly KnownPeer[]): string => {
  const addresses = peers.filter(p => p.alwaysOn).map(p => p.address)
  return `for a in ${addresses.join(' ')}; do ping -c 1 -W 1 "$a" >/dev/null 2>&1 & done; wait
date +%s; wg show ${device} latest-handshakes`
}

/** A peer that is always on has shaken hands a moment ago. Throws TaskError for an answer without a time. */
export function silentPeer(peers: readonly KnownPeer[], answer: string): true | string {
  const [now = '', ...lines] = answer.trim().split('\n')
  const odd = [`now ${now}`, ...lines].find(l => !/^\S+\s\d{1,12}$/.test(l))
  if (odd !== undefined) throw nonsense('the host', 'the last handshakes', odd)
  const last = new Map(lines.map(l => l.split(/\s/, 2) as [string, string]))
  const silent = peers
    .filter(p => p.alwaysOn)
    .filter(p => Number(now) - Number(last.get(p.key ?? '') ?? 0) > FRESH_SECONDS)
    .map(p => p.name)
  return (
    silent.length === 0 || `no handshake with ${silent.join(', ')} in the last ${FRESH_SECONDS} s`
  )
}
