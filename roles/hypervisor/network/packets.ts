import {
  formatIpv4,
  isHostAddress,
  parseCidr,
  probe,
  quoteAll,
  type Inventory,
} from '../../../lib/index.ts'
import { EACH } from './forward-rules.ts'

/** A network of this host: a machine in it would be on this bridge, with this host as its router. */
export interface Reached {
  readonly name: string
  readonly bridge: string
  /** The host's own address in it. */
  readonly router: string
  readonly prefix: number
  /** Addresses that nothing in the inventory has. */
  readonly free: readonly string[]
  /** libvirt lets no connection into a network of mode `nat`. */
  readonly letsIn: boolean
}

const MOST_CANDIDATES = 8

/** Addresses of a network that no host, VIP or router of the inventory has, from the end. Pure. */
export function freeAddresses(inventory: Inventory, cidr: string): string[] {
  const block = parseCidr(cidr)
  if (typeof block === 'string') return []
  const taken = new Set([
    ...[...inventory.hosts.values()].flatMap(h => [h.address, ...h.nics.map(n => n.address)]),
    ...[...inventory.vips.values()].map(v => v.address),
    ...[...inventory.networks.values()].map(n => n.gateway),
  ])
  const found: string[] = []
  for (let a = block.last; a >= block.base && found.length < MOST_CANDIDATES; a--)
    if (isHostAddress(block, a) && !taken.has(formatIpv4(a))) found.push(formatIpv4(a))
  return found
}

/**
 * Sends a ping from each network to each other one and prints those that do not arrive. A process in a network namespace of
 * its own stands for a machine of each network, with an address that nobody answers on. The namespaces and their cables
 * (veth(4)) end with these processes, which end with the script or by themselves.
 */
export const SEND = String.raw`command -v ping >/dev/null || { echo 'there is no ping' >&2; exit 1; }
for spec; do
  for a in $(echo "$spec" | cut -d, -f6); do ping -c 1 -W 1 "$a" >/dev/null 2>&1 & done
done
wait
pids= ports= heard=
# The host forgets these machines: next time their addresses must not look taken.
trap 'for p in $ports; do ip link del "$p" 2>/dev/null; done; for h in $heard; do ip neigh del $(echo "$h" | sed "s/,/ dev /") 2>/dev/null; done; kill $pids 2>/dev/null; wait 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
made=
n=0
for spec; do
  n=$((n + 1))
  IFS=, read -r name bridge router prefix in free <<END
$spec
END
  [ -d "/sys/class/net/$bridge/bridge" ] || { echo "there is no bridge $bridge"; continue; }
  own=
  for a in $free; do
    case $(ip -4 neigh show to "$a" dev "$bridge") in *lladdr*) continue ;; esac
    own=$a; break
  done
  [ -n "$own" ] || { echo "no free address in $name to try from" >&2; continue; }
  unshare -n sleep 60 </dev/null >/dev/null 2>&1 &
  p=$!
  pids="$pids $p"
  until [ "$(readlink "/proc/$p/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do kill -0 $p || exit 1; done
  port=fmc-try$n
  ports="$ports $port"
  heard="$heard $own,$bridge"
  ip link add "$port" type veth peer name eth0 netns $p || exit 1
  ip link set dev "$port" master "$bridge" up || exit 1
  nsenter -t $p -n sh -c 'ip link set lo up; ip addr add "$0" dev eth0; ip link set eth0 up; ip route add default via "$1"' "$own/$prefix" "$router" || exit 1
  # A port forwards (3) once its cable is up; with spanning tree on it waits for half a minute.
  k=0
  until [ "$(cat "/sys/class/net/$port/brport/state")" = 3 ]; do
    k=$((k + 1)); [ $k -le 20 ] || break
    sleep 0.1
  done
  [ $k -le 20 ] || { echo "$bridge lets a new port wait" >&2; continue; }
  made="$made $p,$name,$own,$in"
done
for from in $made; do
  for to in $made; do
    [ "$from" != "$to" ] || continue
    IFS=, read -r p source _ <<END
$from
END
    IFS=, read -r _ target address in <<END
$to
END
    [ "$in" = yes ] || continue
    {
      nsenter -t "$p" -n ping -c 1 -W 1 "$address" >/dev/null 2>&1 ||
        nsenter -t "$p" -n ping -c 2 -W 1 "$address" >/dev/null 2>&1 || echo "no packet gets from $source to $target"
    } &
  done
  wait
done | sort -u`

/** Prints who may drop forwarded packets: chains with the policy drop that are not fmc's. May fail: grep, which finds none. */
const WHY = String.raw`${EACH}
  $b -w -S FORWARD 2>/dev/null | grep -qxF -- '-P FORWARD DROP' && echo "the policy of $b's chain FORWARD is DROP, as Docker and ufw set it"
done
command -v nft >/dev/null && nft list chains 2>/dev/null | awk '$1=="table"{t=$2" "$3} $1=="chain"{c=$2} /hook forward/ && /policy drop/ && t!="inet fmc" && t!="ip filter" {print "the policy of nftables chain " c " in table " t " is drop"}'
:`

/** true when packets get from each network to each other one, else between which they do not, and what may drop them. */
export async function packetsPass(networks: readonly Reached[]): Promise<true | string> {
  const words = networks.map(n =>
    [n.name, n.bridge, n.router, n.prefix, n.letsIn ? 'yes' : 'no', n.free.join(' ')].join(','),
  )
  if (networks.length < 2) return true
  const { exitCode, stdout, stderr } = await probe`sh -c ${`set -- ${quoteAll(words)}\n${SEND}`}`
  const lost = stdout.trim()
  if (lost === '') return exitCode === 0 || `packets cannot be tried: ${stderr.trim()}`
  const why = (await probe`sh -c ${WHY}`).stdout.trim()
  return [lost, why].filter(Boolean).join('\n').replaceAll('\n', '; ')
}
