import {
  ask,
  host,
  nonsense,
  parseIpv4,
  quoteAll,
  resource,
  type Common,
  type Result,
} from '../../../lib/index.ts'
import { FIREWALLD } from './dbus.ts'

export interface Options extends Common {
  /** `53/udp`, or a protocol such as `vrrp`. */
  readonly openings: readonly string[]
  /** The host's own, in the inventory. */
  readonly addresses: readonly string[]
  /** The default zone too: clients come by interfaces that the inventory does not know. */
  readonly everywhere: boolean
}

const NOTHING = { code: 0, stdout: '', stderr: '' }

/**
 * Prints the openings that are closed, now or after a boot, each behind its zone. A zone belongs to interfaces
 * (firewalld.zones(5)): the zones are those of the interfaces that carry these addresses, and the default zone for one that is in none.
 */
export const question = ({
  openings,
  addresses,
  everywhere,
}: Options): string => `systemctl -q is-active firewalld || exit 0
${FIREWALLD}
default=$(firewalld $now '' getDefaultZone)
zones=$(ip -o -4 addr show | while read -r _ device _ address _; do
  case \${address%%/*} in ${addresses.join('|') || '-'}) zone=$(firewalld $now .zone getZoneOfInterface s "$device"); echo "\${zone:-$default}" ;; esac
done | grep -xE '[A-Za-z0-9_-]+' | sort -u)
for zone in ${everywhere ? '$(printf \'%s\\n\' $zones "$default" | sort -u)' : '${zones:-$default}'}; do
  boot=$(firewalld $now/config .config getZoneByName s "$zone")
  for o in ${quoteAll(openings)}; do
    case $o in [0-9]*) set -- queryPort ss "\${o%/*}" "\${o#*/}" ;; *) set -- queryProtocol s "$o" ;; esac
    query=$1 signature=$2; shift 2
    { [ "$(firewalld $now .zone $query s$signature "$zone" "$@")" = true ] &&
      [ "$(firewalld "$boot" .config.zone $query $signature "$@")" = true ]; } || echo "$zone $o"
  done
done | sort -u`

/** A closed opening and the zone that it is closed in. */
interface Closed {
  readonly zone: string
  readonly opening: string
}

/** Parses the answer. Throws TaskError for any other line. */
export const parseClosed = (text: string): Closed[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [, zone, opening] = /^([\w-]{1,40}) ([\w/-]{1,40})$/.exec(line) ?? []
      if (zone === undefined || opening === undefined)
        throw nonsense('firewall-cmd', 'closed ports', line)
      return { zone, opening }
    })

/** Shell text that opens them. firewall-cmd(1) takes several ports or several protocols, but not both together. */
export const openingScript = (closed: readonly Closed[]): string =>
  [...new Set(closed.map(c => c.zone))]
    .flatMap(zone =>
      (['port', 'protocol'] as const).flatMap(kind => {
        const due = closed.filter(
          c => c.zone === zone && /^\d/.test(c.opening) === (kind === 'port'),
        )
        if (due.length === 0) return []
        const add = quoteAll([`--zone=${zone}`, ...due.map(c => `--add-${kind}=${c.opening}`)])
        return [`firewall-cmd -q --permanent ${add}`, `firewall-cmd -q ${add}`]
      }),
    )
    .join('\n')

const define = resource({
  name: (o: Options) => `firewalld lets in ${o.openings.join(', ')}`,
  needs: o => ({
    unit: ask('unit', 'firewalld'),
    closed: ask('command', question(o), NOTHING),
  }),
  plan(options, { unit, closed }) {
    const due = parseClosed(closed.stdout)
    if (unit.active !== 'active' || due.length === 0) return []
    const zones = [...new Set(due.map(c => c.zone))]
    return [
      {
        what: zones
          .map(
            zone =>
              `open ${due
                .filter(c => c.zone === zone)
                .map(c => c.opening)
                .join(', ')} in zone ${zone}`,
          )
          .join('; '),
        script: openingScript(due),
        factsAfter: [[ask('command', question(options)), NOTHING]],
      },
    ]
  },
})

const open = (openings: readonly string[], everywhere: boolean): Promise<Result> => {
  const { address, nics } = host()
  const own = [...nics.map(n => n.address), address].filter(a => parseIpv4(a) !== undefined)
  return define({ openings, addresses: [...new Set(own)], everywhere })
}

/**
 * firewalld lets these ports and protocols in, now and after a boot, in the zones of the interfaces that carry the host's
 * addresses of the inventory. Other openings stay. Where firewalld does not run, nothing is done: there the role firewall
 * decides, or no firewall at all.
 */
export const firewalldOpen = (...openings: readonly string[]): Promise<Result> =>
  open(openings, false)

/** The same in the default zone too: for a service that clients reach by an interface outside the inventory, such as a WAN's. */
export const firewalldOpenEverywhere = (...openings: readonly string[]): Promise<Result> =>
  open(openings, true)
