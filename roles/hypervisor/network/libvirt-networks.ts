import { createHash } from 'node:crypto'
import {
  ask,
  bridgeMacOf,
  bridgeOf,
  host,
  inventory,
  nonsense,
  quote,
  resource,
  TaskError,
  type Common,
  type Host,
  type Result,
} from '../../../lib/index.ts'
import { UUID } from '../vm/survey.ts'
import { VIRSH } from '../host/virsh.ts'
import { find, first, parseXml, type Element } from '../host/xml.ts'

/** A network of libvirt: a bridge on this host that has the gateway's address. */
export interface VirtualNetwork {
  readonly name: string
  readonly mode: 'open' | 'nat'
  readonly bridge: string
  readonly address: string
  readonly prefix: number
}

/** The networks that a host routes. */
export const networksOf = (host: Host): VirtualNetwork[] =>
  [...inventory().networks.values()].flatMap(network => {
    const { name, mode, gateway, router, prefix } = network
    if (router !== host.name || gateway === undefined) return []
    if (mode !== 'open' && mode !== 'nat') return []
    return [{ name, mode, bridge: bridgeOf(network), address: gateway, prefix }]
  })

/** fmc's own namespace for UUIDs from names (RFC 4122, 4.3), chosen once at random. */
const NAMESPACE = '52d8552f-efd3-43b5-aed0-9e07b00db548'

/** The UUID of a name, always the same (version 5). */
export function uuidOf(name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([a, b]) => hex.slice(a, b))
    .join('-')
}

/**
 * libvirt's definition. Without DHCP and DNS: addresses and names come from the inventory. A network that fmc did not
 * create keeps its UUID: libvirt redefines a network only with the UUID that it has.
 */
export function networkXml(
  network: VirtualNetwork,
  uuid = uuidOf(`network ${network.name}`),
): string {
  const { name, mode, bridge, address, prefix } = network
  const body = `  <forward mode='${mode}'/>
  <bridge name='${bridge}' stp='off' delay='0'/>
  <mac address='${bridgeMacOf({ name })}'/>
  <dns enable='no'/>
  <ip address='${address}' prefix='${prefix}'/>
`
  const hash = createHash('sha256').update(body).digest('hex')
  return `<network>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <metadata>
    <fmc:spec xmlns:fmc='urn:fmc' hash='${hash}'/>
  </metadata>
${body}</network>
`
}

/** Elements that libvirt itself adds. */
const OF_LIBVIRT = new Set(['nat', 'port'])

const withAllBelow = (element: Element): readonly Element[] => [
  element,
  ...element.children.flatMap(withAllBelow),
]

/**
 * The relevant properties of a definition, by fmc or as libvirt rewrites it. Throws TaskError for text that is not XML.
 */
export function traits(xml: string): Readonly<Record<string, string>> {
  const all = parseXml(xml).flatMap(withAllBelow)
  const attribute = (element: string, name: string): string =>
    all.find(e => e.name === element && Object.hasOwn(e.attributes, name))?.attributes[name] ??
    'none'
  const elements = all.map(e => e.name)
  return {
    mode: attribute('forward', 'mode'),
    bridge: attribute('bridge', 'name'),
    'spanning tree': attribute('bridge', 'stp'),
    MAC: attribute('mac', 'address'),
    address: attribute('ip', 'address'),
    prefix: attribute('ip', 'prefix'),
    DNS: attribute('dns', 'enable'),
    elements: elements
      .filter(e => !OF_LIBVIRT.has(e))
      .sort()
      .join(' '),
    specification: attribute('fmc:spec', 'hash').slice(0, 12),
  }
}

/** The UUID in a definition; undefined: there is none. Throws TaskError. */
export function uuidIn(xml: string): string | undefined {
  const [network] = parseXml(xml)
  if (!network || find(network, 'uuid').length === 0) return undefined
  const { text } = first(network, 'uuid')
  if (UUID.test(text)) return text
  throw nonsense('virsh', 'a network', text, 'this is not a UUID')
}

/** How two definitions differ, in words. */
export function differences(wanted: string, found: string): string[] {
  const now = traits(found)
  return Object.entries(traits(wanted)).flatMap(([key, value]) =>
    now[key] === value ? [] : [`${key} ${now[key] ?? 'none'} → ${value}`],
  )
}

const CUT = '=====\n'

const question = ({ name }: VirtualNetwork): string => `${VIRSH}
all=$(v net-list --all --name) || exit 1
printf '%s\\n' "$all" | sed 's/ *$//' | grep -qxF -- ${quote(name)} || { echo absent; exit 0; }
v net-info ${quote(name)} && printf '${CUT.trim()}\\n' && v net-dumpxml --inactive ${quote(name)} && printf '${CUT.trim()}\\n' && v net-dumpxml ${quote(name)}`

/**
 * Prints the other networks of libvirt that have this one's bridge or address: it could not start beside them. May fail:
 * net-list, on a host that has no libvirt yet, and so no networks of it.
 */
export const rivals = ({ name, bridge, address }: VirtualNetwork): string => `${VIRSH}
v net-list --all --name 2>/dev/null | sed 's/ *$//' | while IFS= read -r n; do
  [ -n "$n" ] && [ "$n" != ${quote(name)} ] || continue
  x=$(v net-dumpxml --inactive "$n" 2>/dev/null || v net-dumpxml "$n" 2>/dev/null)
  case $x in *${quote(`<bridge name='${bridge}'`)}*|*${quote(`<ip address='${address}'`)}*) printf '%s\\n' "$n" ;; esac
done
:`

/** The answer to the question when the network is as declared. */
const settled = (xml: string): string =>
  ['Active: yes\nPersistent: yes\nAutostart: yes\n', xml, xml].join(CUT)

interface Options extends Common {
  readonly network: VirtualNetwork
  /** May a network in use change? Its VMs are cut off for a moment. */
  readonly restart: boolean
}

const define = resource({
  name: (o: Options) => `network ${o.network.name}`,
  needs: o => ({
    now: ask('command', question(o.network)),
    others: ask('command', rivals(o.network), { code: 0, stdout: '', stderr: '' }),
  }),
  plan({ network, restart }, { now, others }, { doubt }) {
    const rival = others.stdout.split('\n').filter(Boolean).join(', ')
    if (rival !== '')
      throw new TaskError(
        `libvirt has the bridge ${network.bridge} or the address ${network.address} under another name already: ${rival}`,
        {
          hint: `call the network ${network.name} so in the inventory, or remove the other one: virsh net-destroy NAME; virsh net-undefine NAME`,
        },
      )
    const [info = '', inactive = '', live = ''] = now.code === 0 ? now.stdout.split(CUT) : []
    const xml = networkXml(network, uuidIn(inactive))
    const name = quote(network.name)
    const factsAfter = [
      [ask('command', question(network)), { code: 0, stdout: settled(xml), stderr: '' }],
    ] as const
    const change = (what: string, script: string) => ({ what, script: VIRSH + script, factsAfter })
    const set = change('define', defined(xml))
    const autostart = change('start at boot', `v net-autostart ${name}`)
    const start = change('start', `v net-start ${name}`)
    if (now.code !== 0 || now.stdout === 'absent\n') {
      if (now.code === 0 || doubt) return [set, autostart, start]
      throw new TaskError(`libvirt does not answer: ${now.stderr.trim() || now.stdout.trim()}`)
    }
    const is = (key: string): boolean => new RegExp(`^${key}: +yes$`, 'm').test(info)
    const differs = differences(xml, is('Persistent') ? inactive : '')
    const runsOther = is('Active') ? differences(xml, live) : []
    if (runsOther.length > 0 && !restart)
      throw new TaskError(
        `${network.name} differs from the inventory (${runsOther.join(', ')}) and was left alone, because a change cuts its VMs off for a moment`,
        {
          hint: `to allow it: fmc role hypervisor ${host().name} -e hypervisor_restart_networks=true`,
        },
      )
    return [
      ...(differs.length > 0 ? [{ ...set, what: `define (${differs.join(', ')})` }] : []),
      ...(is('Autostart') ? [] : [autostart]),
      ...(runsOther.length > 0
        ? [change('restart', restarted(network, traits(live)['bridge'] ?? ''))]
        : is('Active')
          ? []
          : [start]),
    ]
  },
})

/** virsh reads a definition only from a file; /dev/stdin serves as one. */
const defined = (xml: string): string =>
  `in=${quote(xml)}
v net-define /dev/stdin`

/** A bridge that is deleted loses its ports: the new bridge gets them. May fail: ls, when that bridge is gone already. */
const restarted = ({ name, bridge }: VirtualNetwork, before: string): string =>
  `ports=$(ls /sys/class/net/${quote(before)}/brif 2>/dev/null || true)
v net-destroy ${quote(name)}
v net-start ${quote(name)}
for port in $ports; do ip link set dev "$port" master ${quote(bridge)}; done`

/** A network of libvirt, defined, running and started at boot. Throws TaskError if a network in use would have to change. */
export const virtualNetwork = (network: VirtualNetwork, restart: boolean): Promise<Result> =>
  define({ network, restart })
