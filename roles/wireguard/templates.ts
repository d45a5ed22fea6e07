import { secret, Secret } from '../../lib/index.ts'
import { oneWord } from './keys.ts'
import type { Peer, Tunnel } from './vpn.ts'
import type { Vars } from './vars.ts'

/** A peer with its public key; undefined: not known yet. */
export interface KnownPeer extends Peer {
  readonly key: string | undefined
}

/** A configuration for wg-quick(8) without the private key, which the host adds. Throws TaskError for a peer's key that is not one word. */
export function config(tunnel: Tunnel, peers: readonly KnownPeer[], vars: Vars): string | Secret {
  return join([interfaceSection(tunnel, vars), ...peers.map(peerSection)])
}

/** The [Interface] section: everything that changes only with a restart of the interface. */
export const interfaceSection = ({ address, port }: Tunnel, vars: Vars): string =>
  [
    '# Managed by fmc; the private key is the one in the file beside this one',
    '[Interface]',
    `Address = ${address}`,
    ...(port === undefined ? [] : [`ListenPort = ${port}`]),
    ...(vars.wireguard_mtu === undefined ? [] : [`MTU = ${vars.wireguard_mtu}`]),
    ...vars.wireguard_post_up.map(c => `PostUp = ${c}`),
    ...vars.wireguard_post_down.map(c => `PostDown = ${c}`),
    '',
  ].join('\n')

function peerSection(peer: KnownPeer): string | Secret {
  const key = peer.key === undefined ? '' : oneWord(peer.key, peer.name)
  const head = `\n# peer ${peer.name}\n[Peer]\nPublicKey = ${key}\n`
  const tail = [
    `AllowedIPs = ${peer.allowed.join(', ')}`,
    ...(peer.endpoint === undefined ? [] : [`Endpoint = ${peer.endpoint}`]),
    ...(peer.keepalive === 0 ? [] : [`PersistentKeepalive = ${peer.keepalive}`]),
    '',
  ].join('\n')
  return peer.presharedKey === undefined
    ? head + tail
    : secret`${head}PresharedKey = ${peer.presharedKey}\n${tail}`
}

const join = (parts: readonly (string | Secret)[]): string | Secret =>
  parts.reduce((all, part) =>
    all instanceof Secret || part instanceof Secret ? secret`${all}${part}` : all + part,
  )

/** The sections of a configuration: '' for the interface, the others by the peer's name. */
export function sections(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const part of text.split(/\n(?=# peer )/)) {
    const name = /^# peer (\S+)\n/.exec(part)?.[1] ?? ''
    found.set(name, (found.get(name) ?? '') + part.trim())
  }
  return found
}

/** The public keys in a configuration, by the peer's name. */
export const keysIn = (text: string): Map<string, string> =>
  new Map(
    [...sections(text)].flatMap(([name, section]) => {
      const key = /^PublicKey = (\S+)$/m.exec(section)?.[1]
      return name === '' || key === undefined ? [] : [[name, key] as const]
    }),
  )
