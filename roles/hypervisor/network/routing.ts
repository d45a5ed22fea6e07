import { inventory, probe, type Host } from '../../../lib/index.ts'
import { lanOf } from './bridge.ts'
import type { VirtualNetwork } from './libvirt-networks.ts'
import { freeAddresses, packetsPass, type Reached } from './packets.ts'

/** Asks the kernel whether it would forward a packet from each network to each other one. */
const ASK = String.raw`set -- $0
for from; do
  IFS=, read -r device gateway prefix source mode <<END
$from
END
  ip -o -4 addr show dev "$device" 2>/dev/null | grep -qF " $gateway/$prefix " || { echo "$device does not hold $gateway/$prefix"; continue; }
  for to; do
    [ "$to" != "$from" ] || continue
    there=$(echo "$to" | cut -d, -f4) out=$(echo "$to" | cut -d, -f1)
    said=$(ip route get "$there" from "$source" iif "$device" 2>&1) || { echo "$device to $out: $said"; continue; }
    case $said in *" dev $out "*) ;; *) echo "$device to $out: $said" ;; esac
  done
  [ "$mode" = nat ] || ! command -v iptables >/dev/null || iptables -S 2>/dev/null | grep -E -- "-[io] $device .*-j (REJECT|DROP)" | sed "s/^/libvirt's firewall stands in the way: /"
done`

/**
 * For a gate: the rules allow it (rulesAllow), and packets do get from each network to each other one; with one network,
 * from and to the LAN's bridge.
 */
export async function networksRoute(
  networks: readonly VirtualNetwork[],
  host: Host,
): Promise<true | string> {
  const allowed = await rulesAllow(networks)
  return allowed === true ? packetsPass(reachedBy(networks, host)) : allowed
}

/** The LAN only where nothing else is the other end: its devices may not know the test's address. */
function reachedBy(networks: readonly VirtualNetwork[], host: Host): Reached[] {
  const all = inventory()
  const lan = lanOf(host)
  return [
    ...(lan && networks.length === 1
      ? [
          {
            name: lan.network.name,
            bridge: lan.nic.device,
            router: lan.nic.address,
            prefix: lan.network.prefix,
            free: freeAddresses(all, lan.network.cidr),
            letsIn: true,
          },
        ]
      : []),
    ...networks.map(({ name, bridge, address, prefix, mode }) => ({
      name,
      bridge,
      router: address,
      prefix,
      free: freeAddresses(all, all.networks.get(name)?.cidr ?? ''),
      letsIn: mode !== 'nat',
    })),
  ]
}

/**
 * For a dry run: each bridge has its gateway's address, the kernel forwards between the networks, and no rule of libvirt
 * rejects packets. With mode `nat` libvirt's rules are not checked: there they must let nothing in.
 */
export async function rulesAllow(networks: readonly VirtualNetwork[]): Promise<true | string> {
  if (networks.length === 0) return true
  const words = networks.map(n =>
    [n.bridge, n.address, n.prefix, neighbour(n.address), n.mode].join(','),
  )
  const { exitCode, stdout, stderr } = await probe`sh -c ${ASK} ${words.join(' ')}`
  const found = stdout.trim()
  if (found !== '') return found.replaceAll('\n', '; ')
  return exitCode === 0 || exitCode === 1 || stderr.trim()
}

/** Another address in the gateway's network. */
const neighbour = (gateway: string): string => {
  const octets = gateway.split('.').map(Number)
  const last = octets[3] ?? 0
  return [...octets.slice(0, 3), last % 2 === 0 ? last - 1 : last + 1].join('.')
}
