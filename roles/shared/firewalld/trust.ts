import { ask, nonsense, quoteAll, resource, type Common, type Result } from '../../../lib/index.ts'
import { FIREWALLD } from './dbus.ts'

export interface Options extends Common {
  /** Networks of IPv4, such as 10.42.0.0/16. */
  readonly sources: readonly string[]
}

const NOTHING = { code: 0, stdout: '', stderr: '' }

/** Prints the sources that the zone trusted lacks, now or after a boot. */
export const question = ({
  sources,
}: Options): string => `systemctl -q is-active firewalld || exit 0
${FIREWALLD}
boot=$(firewalld $now/config .config getZoneByName s trusted)
for source in ${quoteAll(sources)}; do
  { [ "$(firewalld $now .zone querySource ss trusted "$source")" = true ] &&
    [ "$(firewalld "$boot" .config.zone querySource s "$source")" = true ]; } || echo "$source"
done`

/** Parses the answer. Throws TaskError for a line that is none of the sources. */
export const parseMissing = (text: string, sources: readonly string[]): string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => {
      if (!sources.includes(line)) throw nonsense('firewall-cmd', 'sources', line)
      return line
    })

const define = resource({
  name: (o: Options) => `firewalld trusts ${o.sources.join(', ')}`,
  needs: o => ({
    unit: ask('unit', 'firewalld'),
    missing: ask('command', question(o), NOTHING),
  }),
  plan(options, { unit, missing }) {
    const due = parseMissing(missing.stdout, options.sources)
    if (unit.active !== 'active' || due.length === 0) return []
    const add = quoteAll(due.map(source => `--add-source=${source}`))
    return [
      {
        what: `add ${due.join(', ')} to the zone trusted`,
        script: `firewall-cmd -q --permanent --zone=trusted ${add}\nfirewall-cmd -q --zone=trusted ${add}`,
        factsAfter: [[ask('command', question(options)), NOTHING]],
      },
    ]
  },
})

/**
 * firewalld lets through all that comes from these networks, now and after a boot (zone trusted, firewalld.zones(5)). Other
 * sources stay. Where firewalld does not run, nothing is done.
 */
export const firewalldTrusts = (...sources: readonly string[]): Promise<Result> =>
  define({ sources })
