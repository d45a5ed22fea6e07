import { basename, dirname } from 'node:path/posix'
import { quote } from '../../../lib/index.ts'

/** The declared bridge of the LAN. Pure data: what `bridge.ts` found and what the inventory says. */
export interface Lan {
  readonly bridge: string
  readonly address: string
  readonly prefix: number
  readonly gateway: string | undefined
  readonly nameservers: readonly string[]
  /** The NIC that becomes its port; the bridge takes its MAC address. */
  readonly uplink: { readonly name: string; readonly mac: string }
  /** Further IPv4 addresses that move with it, with prefix length. */
  readonly others: readonly string[]
  /** MTU of the NIC, unless it is Ethernet's usual one. */
  readonly mtu: number | undefined
  /** The NIC has IPv6 addresses that a router announces: the bridge takes them. */
  readonly autoconf: boolean
  /** Another NIC that has the address now and loses it. */
  readonly holder: { readonly name: string; readonly mac: string } | undefined
}

/** Configuration for a network manager: files, and shell text that applies them. */
export interface Recipe {
  readonly files: Readonly<Record<string, string>>
  readonly apply: string
}

/** Shell text that replaces files atomically, under `set -e`. */
export const written = (files: Recipe['files']): string =>
  Object.entries(files)
    .map(([path, text]) => {
      // Hidden, so that no manager reads what an interruption leaves behind.
      const candidate = quote(`${dirname(path)}/.${basename(path)}.fmc-new`)
      return `mkdir -p -- ${quote(dirname(path))}
printf %s ${quote(text)} >${candidate}; sync -- ${candidate}; mv -fT -- ${candidate} ${quote(path)}`
    })
    .join('\n')

const NETWORKD = '/etc/systemd/network/10-fmc'
const INTERFACES = '/etc/network/interfaces'

/** All files that a recipe may write. */
export const lanFiles = (bridge: string): readonly string[] => [
  `${NETWORKD}-${bridge}.netdev`,
  `${NETWORKD}-${bridge}.network`,
  `${NETWORKD}-uplink.network`,
  `${NETWORKD}-old.network`,
  INTERFACES,
  `${INTERFACES}.d/fmc-${bridge}`,
]

const MARK = '# Managed by fmc\n'

/** systemd.network(5), systemd.netdev(5). VLANs and the bridge have the NIC's MAC address too, hence Kind. */
export function networkd(lan: Lan): Recipe {
  const match = (mac: string): string =>
    `${MARK}[Match]\nMACAddress=${mac}\nKind=!bridge vlan macvlan\n[Network]\nLinkLocalAddressing=no\n`
  const { bridge, uplink, holder } = lan
  const mtu = lan.mtu === undefined ? '' : `MTUBytes=${lan.mtu}\n`
  return {
    files: {
      [`${NETWORKD}-${bridge}.netdev`]: `${MARK}[NetDev]\nName=${bridge}\nKind=bridge\nMACAddress=${uplink.mac}\n${mtu}[Bridge]\nSTP=no\n`,
      [`${NETWORKD}-${bridge}.network`]: [
        `${MARK}[Match]\nName=${bridge}\n[Network]`,
        `Address=${lan.address}/${lan.prefix}`,
        ...lan.others.map(address => `Address=${address}`),
        ...(lan.gateway === undefined ? [] : [`Gateway=${lan.gateway}`]),
        ...lan.nameservers.map(server => `DNS=${server}`),
        ...(lan.autoconf ? ['IPv6AcceptRA=yes'] : []),
        '',
      ].join('\n'),
      [`${NETWORKD}-uplink.network`]: `${match(uplink.mac)}Bridge=${bridge}\n${mtu === '' ? '' : `[Link]\n${mtu}`}`,
      ...(holder && { [`${NETWORKD}-old.network`]: match(holder.mac) }),
    },
    apply: 'networkctl reload',
  }
}

/**
 * interfaces(5). `now` is the text of /etc/network/interfaces. May fail: ifdown, of a device that is not configured; ip link
 * add, of a bridge that is there already.
 */
export function ifupdown(lan: Lan, now: string): Recipe {
  const { bridge, uplink } = lan
  const names = [uplink.name, ...(lan.holder ? [lan.holder.name] : [])]
  const down = names.map(
    name => `ifdown --force ${quote(name)} || true
ip addr flush dev ${quote(name)}`,
  )
  return {
    files: {
      [INTERFACES]: withoutStanzas(now, names),
      [`${INTERFACES}.d/fmc-${bridge}`]: [
        `${MARK}auto ${bridge}\niface ${bridge} inet static`,
        `  address ${lan.address}/${lan.prefix}`,
        ...(lan.gateway === undefined ? [] : [`  gateway ${lan.gateway}`]),
        ...(lan.nameservers.length === 0 ? [] : [`  dns-nameservers ${lan.nameservers.join(' ')}`]),
        `  pre-up ip link add name ${bridge} address ${quote(uplink.mac)} type bridge stp_state 0 forward_delay 0 || true`,
        ...(lan.mtu === undefined
          ? []
          : [uplink.name, bridge].map(
              name => `  pre-up ip link set dev ${quote(name)} mtu ${lan.mtu}`,
            )),
        `  pre-up ip link set dev ${quote(uplink.name)} master ${bridge} up`,
        ...lan.others.map(address => `  up ip addr replace ${address} brd + dev ${bridge}`),
        `  post-down ip link del ${bridge}`,
        ...(lan.autoconf ? [`iface ${bridge} inet6 auto`] : []),
        '',
      ].join('\n'),
    },
    apply: `${down.join('\n')}\nifup ${quote(bridge)}`,
  }
}

/** The text with the stanzas of these interfaces commented out, and with a line that includes interfaces.d. */
export function withoutStanzas(text: string, names: readonly string[]): string {
  let inside = false
  const lines = text
    .replace(/\n*$/, '\n')
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const [word = '', ...rest] = line.trim().split(/\s+/)
      const lists = /^(auto|allow-\S+)$/.test(word)
      if (lists || /^(iface|mapping|source(-directory)?|no-\S+)$/.test(word))
        inside = word === 'iface' && names.includes(rest[0] ?? '')
      if (inside && line.trim() !== '') return `# fmc: ${line}`
      const left = rest.filter(name => !names.includes(name))
      if (!lists || left.length === rest.length) return line
      return left.length === 0 ? `# fmc: ${line}` : [word, ...left].join(' ')
    })
  const sources = lines.some(line => /^\s*source(-directory)?\s.*interfaces\.d/.test(line))
  return [...lines, ...(sources ? [] : [`source ${INTERFACES}.d/*`]), ''].join('\n')
}

/** nmstate's desired state, applied with a checkpoint: NetworkManager rolls back by itself unless it is committed. */
export function nmstate(lan: Lan): Recipe {
  const mtu = lan.mtu !== undefined && { mtu: lan.mtu }
  const state = {
    interfaces: [
      {
        name: lan.bridge,
        type: 'linux-bridge',
        state: 'up',
        'mac-address': lan.uplink.mac,
        ipv4: {
          enabled: true,
          dhcp: false,
          address: [`${lan.address}/${lan.prefix}`, ...lan.others].map(address => {
            const [ip, prefix] = address.split('/')
            return { ip, 'prefix-length': Number(prefix) }
          }),
        },
        ...(lan.autoconf && { ipv6: { enabled: true, autoconf: true, dhcp: false } }),
        ...mtu,
        bridge: { options: { stp: { enabled: false } }, port: [{ name: lan.uplink.name }] },
      },
      ...[lan.uplink, ...(lan.holder ? [lan.holder] : [])].map(nic => ({
        name: nic.name,
        type: 'ethernet',
        state: 'up',
        ipv4: { enabled: false },
        ipv6: { enabled: false },
        ...mtu,
      })),
    ],
    ...(lan.gateway !== undefined && {
      routes: {
        config: [
          {
            destination: '0.0.0.0/0',
            'next-hop-address': lan.gateway,
            'next-hop-interface': lan.bridge,
          },
        ],
      },
    }),
    ...(lan.nameservers.length > 0 && {
      'dns-resolver': { config: { server: lan.nameservers } },
    }),
  }
  // JSON is YAML.
  return {
    files: {},
    apply: `printf %s ${quote(JSON.stringify(state))} | nmstatectl apply --no-commit --timeout 120 /dev/stdin`,
  }
}
