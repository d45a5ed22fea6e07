import { createHash } from 'node:crypto'
import { contains, nonsense, parseCidr, reveal, TaskError, type Block } from '../../lib/index.ts'
import { sections, type KnownPeer } from './templates.ts'
import type { Tunnel } from './vpn.ts'

/** Where wg-quick reads its configurations. */
export const DIRECTORY = '/etc/wireguard'
/** The file with a device's private key. */
export const keyFile = (device: string): string => `${DIRECTORY}/${device}.key`
/** A device's configuration. */
export const configFile = (device: string): string => `${DIRECTORY}/${device}.conf`
/** The unit of a device. */
export const unitOf = (device: string): string => `wg-quick@${device}`

/** SHA-256 in hexadecimal. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A configuration on a host: without the private key, and of preshared keys only a checksum. */
export interface Written {
  /** Mode and owner. */
  readonly access: string
  readonly publicKey: string
  /** It contains the private key of the key file. */
  readonly ownKey: boolean
  readonly presharedKeys: string
  readonly text: string
}

/** Read-only shell text that prints a configuration for `parseWritten`. It fails when there is none. */
export const writtenScript = (device: string): string => `set -e
own=$(wg pubkey <${keyFile(device)})
cd ${DIRECTORY}
stat -c '%a %U:%G' ${device}.conf
echo "$own"
[ "$(sed -n 's/^PrivateKey = //p' ${device}.conf | wg pubkey 2>/dev/null)" = "$own" ] && echo same || echo other
sed -n '/^PresharedKey = /p' ${device}.conf | sha256sum | cut -c 1-64
sed -E '/^[[:space:]]*(private|preshared)key/Id' ${device}.conf`

/** Parses the answer of `writtenScript`; undefined: there is no configuration. Throws TaskError when it makes no sense. */
export function parseWritten(answer: { code: number | null; stdout: string }): Written | undefined {
  if (answer.code !== 0) return undefined
  const [access = '', publicKey = '', own, presharedKeys = '', ...text] = answer.stdout.split('\n')
  if (
    !/^[0-7]{1,4} \S+:\S+$/.test(access) ||
    !/^[\w+/=-]+$/.test(publicKey) ||
    (own !== 'same' && own !== 'other') ||
    !/^[0-9a-f]{64}$/.test(presharedKeys)
  )
    throw nonsense('the host', 'its WireGuard configuration', answer.stdout)
  return { access, publicKey, ownKey: own === 'same', presharedKeys, text: text.join('\n') }
}

const PRESHARED = /^PresharedKey = .*\n/gm

/** The same parts of a configuration that is yet to be written. */
export const toBeWritten = (content: string): Pick<Written, 'presharedKeys' | 'text'> => ({
  presharedKeys: sha256((content.match(PRESHARED) ?? []).join('')),
  text: content.replaceAll(PRESHARED, ''),
})

/** How the configuration on the host differs from this one, in words; [] = it does not. */
export function differences(now: Written, content: string): string[] {
  const wanted = toBeWritten(content)
  const [before, after] = [sections(now.text), sections(wanted.text)]
  const named = (name: string, what: string) =>
    name === '' ? `the interface: ${what}` : `${what} ${name}`
  const found = [
    ...[...after]
      .filter(([name, text]) => before.get(name) !== text)
      .map(([name]) => named(name, name !== '' && !before.has(name) ? 'add the peer' : 'change')),
    ...[...before.keys()].filter(name => !after.has(name)).map(name => `remove the peer ${name}`),
    ...(now.presharedKeys === wanted.presharedKeys ? [] : ['other preshared keys']),
    ...(now.ownKey ? [] : ['the private key of the key file']),
    ...(now.access === '600 root:root' ? [] : [`${now.access} → 600 root:root`]),
  ]
  return found.length > 0 || now.text === wanted.text ? found : ['content']
}

/** A peer of a running interface. */
export interface RunningPeer {
  /** Checksum of the preshared key, or -. */
  readonly presharedKey: string
  readonly allowed: string
  readonly keepalive: string
}

/** A running interface. */
export interface Running {
  readonly address: string
  readonly mtu: number
  readonly publicKey: string
  readonly port: number
  readonly peers: ReadonlyMap<string, RunningPeer>
  readonly routes: readonly string[]
}

/**
 * Read-only shell text that prints the state of an interface for `parseRunning`, without private or preshared keys. One that is
 * set down carries nothing, and counts as missing (`up` shows running interfaces only: ip-link(8)).
 */
export const runningScript = (device: string): string => `set -e
[ -n "$(ip link show up dev ${device} 2>/dev/null)" ] || { echo down; exit 0; }
ip -4 -o addr show dev ${device} | while read -r _ _ _ a _; do echo "address $a"; done
read -r mtu </sys/class/net/${device}/mtu; echo "mtu $mtu"
ip -4 route show dev ${device} | while read -r to rest; do
  case " $rest " in *' proto kernel '*) ;; *) echo "route $to" ;; esac
done
wg show ${device} dump | {
  read -r _ key port _; echo "self $key $port"
  while read -r key psk _ allowed _ _ _ keepalive; do
    [ "$psk" = '(none)' ] && psk=- || psk=$(printf %s "$psk" | sha256sum | cut -c 1-64)
    echo "peer $key $psk $allowed $keepalive"
  done
}`

const LINE = /^(address [\d./]+|mtu \d{1,7}|route \S+|self \S+ \d{1,5}|peer( \S+){4})$/

/** Parses the answer of `runningScript`; undefined: there is no such interface. Throws TaskError when it makes no sense. */
export function parseRunning(device: string, stdout: string): Running | undefined {
  if (stdout === 'down\n') return undefined
  const printed = stdout.trimEnd().split('\n')
  const odd = printed.find(l => !LINE.test(l))
  if (odd !== undefined) throw nonsense('the host', `how ${device} runs`, odd)
  const lines = printed.map(l => l.split(' '))
  const all = (word: string) => lines.filter(([first]) => first === word).map(([, ...rest]) => rest)
  const [self] = all('self')
  const [mtu] = all('mtu')
  if (!self || !mtu)
    throw new TaskError(`the host has an interface ${device} that is not WireGuard's`, {
      output: stdout,
    })
  if (Number(self[1]) > 65_535)
    throw nonsense('the host', `how ${device} runs`, self.join(' '), 'expected a port')
  const peers = all('peer')
  if (new Set(peers.map(([key]) => key)).size < peers.length)
    throw nonsense('the host', `how ${device} runs`, stdout, 'it lists a peer twice')
  return {
    address: all('address').flat().join(' '),
    mtu: Number(mtu[0]),
    publicKey: self[0] ?? '',
    port: Number(self[1]),
    peers: new Map(
      peers.map(([key = '', presharedKey = '', allowed = '', keepalive = '']) => [
        key,
        { presharedKey, allowed: sorted(allowed.split(',')), keepalive },
      ]),
    ),
    routes: all('route').map(([to = '']) => (to.includes('/') ? to : `${to}/32`)),
  }
}

const sorted = (blocks: readonly string[]): string => [...blocks].sort().join(',')

/** The routes that wg-quick makes for the peers of a tunnel: for all their blocks outside the tunnel's own network. */
export function routesOf({ address, peers }: Pick<Tunnel, 'address' | 'peers'>): string[] {
  const [own = '', prefix = ''] = address.split('/')
  const inside = { ...(parseCidr(`${own}/32`) as Block), prefix: Number(prefix) }
  const size = 2 ** (32 - inside.prefix)
  const base = inside.base - (inside.base % size)
  const vpn = { base, last: base + size - 1, prefix: inside.prefix }
  return peers
    .flatMap(p => p.allowed)
    .filter(cidr => !contains(vpn, (parseCidr(cidr) as Block).base))
}

/** One difference between a running interface and its configuration. */
export interface Drift {
  readonly what: string
  /** Only a restart of the interface corrects it. */
  readonly restart: boolean
}

/** All differences between a running interface and its configuration; [] = none. */
export function drift(
  tunnel: Tunnel,
  peers: readonly KnownPeer[],
  own: { readonly publicKey: string; readonly mtu: number | undefined },
  now: Running,
): Drift[] {
  const found: Drift[] = []
  const differ = (what: string, is: string, wanted: string, restart = false): void => {
    if (is !== wanted)
      found.push({ what: `${what} ${is || 'none'} → ${wanted || 'none'}`, restart })
  }
  differ('address', now.address, tunnel.address, true)
  if (own.mtu !== undefined) differ('mtu', String(now.mtu), String(own.mtu), true)
  if (tunnel.port !== undefined) differ('port', String(now.port), String(tunnel.port), true)
  differ('key', now.publicKey, own.publicKey)
  for (const peer of peers) {
    const is = now.peers.get(peer.key ?? '')
    const psk = peer.presharedKey
    if (is === undefined) found.push({ what: `add the peer ${peer.name}`, restart: false })
    else {
      differ(`networks of ${peer.name}`, is.allowed, sorted(peer.allowed))
      differ(
        `keepalive of ${peer.name}`,
        is.keepalive,
        peer.keepalive === 0 ? 'off' : String(peer.keepalive),
      )
      if (is.presharedKey !== (psk ? sha256(reveal(psk)) : '-'))
        found.push({ what: `preshared key of ${peer.name}`, restart: false })
    }
  }
  const known = new Set(peers.map(p => p.key))
  for (const key of now.peers.keys())
    if (!known.has(key)) found.push({ what: `remove the peer ${key}`, restart: false })
  differ('routes', [...now.routes].sort().join(' '), routesOf(tunnel).sort().join(' '))
  return found
}
