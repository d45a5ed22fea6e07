import { ask, quoteAll, resource, type Common, type Result } from '../../../lib/index.ts'

interface Options extends Common {
  /** `53/udp`, or a protocol such as `vrrp`. */
  readonly openings: readonly string[]
}

const NOTHING = { code: 0, stdout: '', stderr: '' }

/** Prints the openings that are closed, now or after a boot. */
const question = (
  openings: readonly string[],
): string => `systemctl -q is-active firewalld || exit 0
for when in '' --permanent; do
  open=" $(firewall-cmd $when --list-all 2>/dev/null | sed -n 's/^ *\\(ports\\|protocols\\)://p' | tr '\\n' ' ') "
  for o in ${quoteAll(openings)}; do
    case $open in *" $o "*) continue ;; esac
    case $o in [0-9]*) kind=port ;; *) kind=protocol ;; esac
    firewall-cmd $when -q --query-$kind="$o" 2>/dev/null || echo "$o" # it may be in a range
  done
done | sort -u`

/** firewall-cmd(1) takes several ports or several protocols, but not both together. */
function additions(openings: readonly string[]): readonly string[] {
  const kind = /^\d/.test(openings[0] ?? '') ? 'port' : 'protocol'
  const add = quoteAll(openings.map(o => `--add-${kind}=${o}`))
  return openings.length === 0
    ? []
    : [`firewall-cmd -q --permanent ${add}`, `firewall-cmd -q ${add}`]
}

const define = resource({
  name: (o: Options) => `firewalld lets in ${o.openings.join(', ')}`,
  needs: o => ({
    unit: ask('unit', 'firewalld'),
    closed: ask('command', question(o.openings), NOTHING),
  }),
  plan({ openings }, { unit, closed }) {
    const due = closed.stdout.split('\n').filter(Boolean)
    if (unit.active !== 'active' || due.length === 0) return []
    return [
      {
        what: `open ${due.join(', ')} in the default zone`,
        script: [/^\d/, /^\D/].flatMap(kind => additions(due.filter(o => kind.test(o)))).join('\n'),
        factsAfter: [[ask('command', question(openings)), NOTHING]],
      },
    ]
  },
})

/**
 * firewalld lets these ports and protocols in, now and after a boot. Other openings stay. Where firewalld does not run,
 * nothing is done: there the role firewall decides, or no firewall at all.
 */
export const firewalldOpen = (...openings: readonly string[]): Promise<Result> =>
  define({ openings })
