import {
  $,
  ask,
  bridgeOf,
  guarded,
  inventory,
  quote,
  resource,
  TaskError,
  type Common,
  type Host,
  type Network,
  type Nic,
} from '../../../lib/index.ts'
import { ADDRESSES, heldAfter, parseHeld, type Held } from '../../shared/interface-of.ts'
import {
  ifupdown,
  lanFiles,
  networkd,
  nmstate,
  written,
  type Lan,
  type Recipe,
} from './network-managers.ts'
import { parseDevices, type Device } from './devices.ts'
import type { Platform } from '../platform.ts'
import type { Vars } from '../vars.ts'
import { alongWith, type Wanted } from './moving.ts'

export type { Wanted } from './moving.ts'

const QUESTION = `systemctl is-active -q systemd-networkd && echo networkd || echo other
ip -j -d addr show`

/** Does the bridge exist, with the address and the wanted NIC? */
export function isSettled(devices: readonly Device[], wanted: Wanted): boolean {
  const bridge = devices.find(d => d.name === wanted.bridge)
  return (
    bridge?.kind === 'bridge' &&
    bridge.addresses.includes(`${wanted.address}/${wanted.prefix}`) &&
    devices.some(d => d.bridge === wanted.bridge && isUplink(d, wanted.uplink))
  )
}

const isUplink = ({ name, mac }: Device, uplink: string | undefined): boolean =>
  uplink === undefined || name === uplink || mac === uplink

/** The NIC that becomes the bridge's port, and the one that has the address now. Throws TaskError that names the NICs. */
export function nicsFor(
  devices: readonly Device[],
  { bridge, address, uplink }: Wanted,
): { readonly uplink: Device; readonly holder: Device | undefined } {
  const plain = devices.filter(d => d.name !== bridge && d.name !== 'lo')
  const holder = plain.find(d => d.addresses.some(a => a.startsWith(`${address}/`)))
  const found =
    uplink === undefined ? holder : plain.find(d => d.kind !== 'bridge' && isUplink(d, uplink))
  if (!found) {
    const there = plain.map(d => `${d.name} (${[d.mac, ...d.addresses].join(', ')})`).join('; ')
    throw new TaskError(
      uplink === undefined
        ? `no NIC has ${address}; there are ${there}`
        : `there is no NIC ${uplink}; there are ${there}`,
      { hint: 'name the NIC of the LAN in hypervisor_uplink' },
    )
  }
  return { uplink: found, holder: holder === found ? undefined : holder }
}

interface Options extends Common {
  readonly wanted: Wanted
  readonly nameservers: readonly string[]
  readonly nmstate: boolean
}

const define = resource({
  name: (o: Options) => `bridge ${o.wanted.bridge}`,
  needs: () => ({
    now: ask('command', QUESTION),
    interfaces: ask('content', '/etc/network/interfaces'),
    held: ask('command', ADDRESSES),
  }),
  plan({ wanted, nameservers, nmstate: managed }, { now, interfaces, held }) {
    const cut = now.stdout.indexOf('\n')
    const devices = parseDevices(now.stdout.slice(cut + 1))
    if (isSettled(devices, wanted)) return []
    const nics = nicsFor(devices, wanted)
    const along = alongWith(nics, wanted)
    const lan = { ...wanted, ...nics, ...along, nameservers }
    const all = [wanted.address, ...along.others.map(a => a.split('/')[0])].join(', ')
    const manager = now.stdout.slice(0, cut)
    return [
      {
        what: `move ${all} from ${(nics.holder ?? nics.uplink).name} to a bridge over ${nics.uplink.name}`,
        script: carriedOut(lan, recipeFor(lan, managed, manager, interfaces?.toString())),
        factsAfter: [
          [ask('command', QUESTION), settled(manager, lan)],
          heldAfter(moved(parseHeld(held.stdout), lan)),
        ],
        timeoutMs: 120_000,
      },
    ]
  },
})

const recipeFor = (
  lan: Lan,
  managed: boolean,
  manager: string,
  interfaces: string | undefined,
): Recipe => {
  if (managed) return nmstate(lan)
  if (manager === 'networkd') return networkd(lan)
  if (interfaces !== undefined) return ifupdown(lan, interfaces)
  throw new TaskError(
    `neither systemd-networkd nor ifupdown (/etc/network/interfaces) configures the network of this host`,
    { hint: `create the bridge ${lan.bridge} by hand; fmc leaves it alone once it is as declared` },
  )
}

const carriedOut = (lan: Lan, { files, apply }: Recipe): string =>
  `${written(files)}
${apply}
n=0
until ip -o addr show dev ${quote(lan.bridge)} 2>/dev/null | grep -qF ' ${lan.address}/${lan.prefix} '; do
  n=$((n + 1)); [ $n -le 75 ] || { echo '${lan.bridge} did not get its address within 15 s' >&2; exit 1; }
  sleep 0.2
done`

const settled = (manager: string, lan: Lan): { code: number; stdout: string; stderr: string } => ({
  code: 0,
  stdout: `${manager}\n${JSON.stringify([
    {
      ifname: lan.bridge,
      linkinfo: { info_kind: 'bridge' },
      addr_info: [`${lan.address}/${lan.prefix}`, ...lan.others].map(a => ({
        local: a.split('/')[0],
        prefixlen: Number(a.split('/')[1]),
      })),
    },
    { ifname: lan.uplink.name, address: lan.uplink.mac, master: lan.bridge },
  ])}\n`,
  stderr: '',
})

/** The addresses once this one is the bridge's. */
function moved(held: readonly Held[], lan: Lan): readonly Held[] {
  const all = [`${lan.address}/${lan.prefix}`, ...lan.others]
  const ips = all.map(a => a.split('/')[0])
  return [
    ...held.filter(h => !ips.includes(h.address.split('/')[0])),
    ...all.map(address => ({ device: lan.bridge, address })),
  ]
}

/** Saves what the undo restores, whatever had configured it. Runs when the guard is armed. */
const SAVE = `ls /sys/class/net >devices
ip -o -4 addr show scope global | while read -r _ device _ address _; do echo "$device $address"; done >addresses
ip -4 route show >routes`

/**
 * Restores the network: the managers read their old files again, and what they do not manage is restored directly. May fail:
 * each step, for a device, an address or a route that is gone; the next ones are tried all the same.
 */
const undo = (
  bridge: string,
  managed: boolean,
): string => `grep -qx ${quote(bridge)} devices || ip link del ${quote(bridge)} 2>/dev/null || true
${
  managed
    ? 'nmstatectl rollback || true'
    : `if systemctl is-active -q systemd-networkd; then
  networkctl reload
  while read -r device _; do networkctl reconfigure "$device" || true; done <addresses
else
  while read -r device _; do ifup --force "$device" || true; done <addresses
fi`
}
sleep 1
while read -r device address; do ip link set dev "$device" up; ip addr replace "$address" brd + dev "$device" || true; done <addresses
while read -r route; do ip route replace $route || true; done <routes`

/** The NIC of this host that the inventory declares as the LAN's bridge, if any. */
export const lanOf = (host: Host): { nic: Nic; network: Network } | undefined => {
  for (const nic of host.nics) {
    const network = inventory().networks.get(nic.network)
    if (network?.mode === 'bridge' && nic.device === bridgeOf(network)) return { nic, network }
  }
  return undefined
}

/** Makes the LAN's bridge, if the inventory declares one on this host. The host itself undoes a change that cuts it off. */
export async function lanBridge(
  host: Host,
  {
    hypervisor_uplink,
    hypervisor_nameservers: nameservers,
    hypervisor_guard_seconds: seconds,
  }: Vars,
  { nmstate: managed }: Platform,
): Promise<void> {
  const lan = lanOf(host)
  if (!lan) return
  const { nic, network } = lan
  const wanted = {
    bridge: nic.device,
    address: nic.address,
    prefix: network.prefix,
    gateway: network.gateway,
    uplink: hypervisor_uplink ?? nic.mac,
    vips: [...inventory().vips.values()].map(v => v.address),
  }
  const done = { moved: false }
  await guarded(
    'bridge',
    {
      files: managed ? [] : lanFiles(nic.device),
      save: SAVE,
      undo: undo(nic.device, managed),
      seconds,
    },
    async () => {
      done.moved = (await define({ wanted, nameservers, nmstate: managed })).changed
    },
  )
  // NetworkManager's own checkpoint would undo the change two minutes later.
  if (done.moved && managed) await $`nmstatectl commit`
}
