import {
  ask,
  asUser,
  mountUnitName,
  quote,
  resource,
  TaskError,
  type Common,
  type Facts,
} from '../../lib/index.ts'
import type { Platform } from './platform.ts'

interface Cluster extends Common {
  readonly platform: Platform
  readonly version: number
}

const markOf = ({ data }: Platform): string => `${data}.fmc-creating`

/**
 * Prints `VERSION PATH` for every cluster, `interrupted` when the creation of ours did not finish, `bare` when ours has no
 * configuration, and `standby` when ours follows another server or is being recovered (PostgreSQL: Standby Server Operation). Runs
 * as postgres, which owns the files, once the package has made that user. May fail: read, of a line without its end.
 */
function question(p: Platform): string {
  const look = `for f in ${p.versions}; do if [ -e "$f" ]; then read -r v <"$f" || :; printf "%s %s\\n" "$v" "$f"; fi; done
if [ -e ${quote(markOf(p))} ]; then echo interrupted; fi
if [ -e ${quote(`${p.data}/standby.signal`)} ] || [ -e ${quote(`${p.data}/recovery.signal`)} ]; then echo standby; fi
if [ ! -e ${quote(`${p.conf}/postgresql.conf`)} ]; then echo bare; fi`
  return `if id postgres >/dev/null 2>&1; then ${asUser('postgres', look)}; else ${look}; fi`
}

/**
 * What was found of clusters on a host. `exists`: the role's own is there, in `data`; others beside it are left alone. Throws TaskError
 * when that cannot be known; for one of another version, whose data must be upgraded by a person; where there are only clusters of
 * others, such as PGDG's /var/lib/pgsql/16/data, beside which a new one would be made; and for a standby, whose settings are
 * in files that the role writes.
 */
export function readClusters(
  { code, stdout, stderr }: Facts['command'],
  version: number,
  data: string,
): { readonly exists: boolean; readonly interrupted: boolean; readonly bare: boolean } {
  if (code !== 0)
    throw new TaskError(
      `cannot tell which clusters are on the host: ${stderr.trim() || `exit ${code}`}`,
    )
  const lines = stdout.split('\n').filter(Boolean)
  const found = lines
    .filter(l => l.includes(' '))
    .map(line => ({
      version: line.slice(0, line.indexOf(' ')),
      path: line.slice(line.indexOf(' ') + 1),
    }))
  const own = found.find(({ path }) => path === `${data}/PG_VERSION`)
  const interrupted = lines.includes('interrupted')
  if (lines.includes('standby'))
    throw new TaskError(`the server in ${data} is a standby, or is being recovered`, {
      hint: 'the role manages primary servers only: promote it (select pg_promote()), or take the host out of the role',
    })
  const [other = own] = own === undefined ? found : []
  if (other !== undefined && other.version !== String(version))
    throw new TaskError(
      `${other.path} says PostgreSQL ${other.version}, but postgresql_version is ${version}`,
      {
        hint: 'fmc never upgrades or replaces data: set postgresql_version, or upgrade by hand (README)',
      },
    )
  if (other !== own)
    throw new TaskError(
      `${other?.path} is a cluster that the role does not manage: its own is in ${data}, and would be a second one`,
      { hint: `move the data to ${data} by hand, or take the host out of the role` },
    )
  const exists = own !== undefined && !interrupted
  return { exists, interrupted, bare: exists && lines.includes('bare') }
}

/** Shell text that creates the cluster as postgres. A mark stands until that is finished: it tells a half-made cluster, which the next run moves aside and never deletes. */
function create(p: Platform): string {
  const mark = quote(markOf(p))
  const mount = quote(mountUnitName(p.home))
  const aside = [...new Set([p.data, p.conf])].map(
    dir =>
      `[ ! -e ${quote(dir)} ] || mv -T -- ${quote(dir)} ${quote(dir)}.fmc-interrupted-"$(date +%s)"`,
  )
  const make = `if [ -e ${mark} ]; then
${aside.join('\n')}
fi
if [ -e ${quote(`${p.data}/PG_VERSION`)} ]; then echo "there is a cluster already" >&2; exit 1; fi
mkdir -p -- "$(dirname -- ${mark})"
rm -f -- ${mark}
: >${mark}
sync -- ${mark}
${p.initdb} >&2
sync
rm -f -- ${mark}`
  return `if systemctl -q is-enabled ${mount} 2>/dev/null && ! mountpoint -q ${p.home}; then echo '${p.home} is not mounted' >&2; exit 1; fi
${asUser('postgres', make)}
systemctl daemon-reload`
}

/** The database cluster, created once. An existing one is never touched. Throws TaskError as `readClusters` does. */
export const cluster = resource({
  name: (o: Cluster) => `cluster ${o.platform.data}`,
  opaque: true,
  needs: o => ({
    found: ask('command', question(o.platform), { code: 0, stdout: '', stderr: '' }),
  }),
  plan(o, { found }) {
    const { exists, interrupted } = readClusters(found, o.version, o.platform.data)
    if (exists) return []
    return [
      {
        what: interrupted ? 'create again (the first time was interrupted)' : 'create',
        script: create(o.platform),
      },
    ]
  },
})

/** The configuration of a cluster whose data comes from a share. Debian keeps it outside the data, so it was lost with the old host. */
export const configuration = resource({
  name: (o: Cluster) => `configuration ${o.platform.conf}`,
  opaque: true,
  needs: o => ({
    found: ask('command', question(o.platform), { code: 0, stdout: '', stderr: '' }),
  }),
  plan({ platform, version }, { found }) {
    if (platform.adopt === undefined || !readClusters(found, version, platform.data).bare) return []
    const script = `${asUser('postgres', platform.adopt)}\nsystemctl daemon-reload`
    return [{ what: 'create it for the existing data', script }]
  },
})
