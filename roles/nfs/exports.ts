import { nonsense, quote, TaskError, type Host, type Inventory } from '../../lib/index.ts'
import type { Share } from './vars.ts'

/** One client of one directory: a line of exports(5). */
export interface Export {
  readonly path: string
  readonly client: string
  readonly options: readonly string[]
}

const BLOCK = /^(\d{1,3}\.){3}\d{1,3}(\/\d{1,2})?$/

/** The addresses that a client host comes from: those in the server's networks, else all of its own. */
function addressesOf(client: Host, server: Host): string[] {
  const near = client.nics.filter(n => server.nics.some(s => s.network === n.network))
  return (near.length > 0 ? near : client.nics).map(n => n.address)
}

/** The server, and where the names of its clients are looked up. */
export interface Lookup {
  readonly server: Host
  readonly networks: Inventory['networks']
  readonly hosts: (pattern: string) => readonly Host[]
}

/**
 * One export for each share and client, with clients as addresses and blocks. Throws TaskError for a client that matches
 * no address or every address, for a share outside `root`, and for a client that a share names twice.
 */
export function exportsOf(shares: readonly Share[], root: string, lookup: Lookup): Export[] {
  const found = shares.flatMap(share => {
    if (!share.path.startsWith(`${root}/`))
      throw new TaskError(
        `nfs_exports: ${share.path} is not below ${root}, where the data disk is mounted`,
      )
    return [...new Set(share.clients.flatMap(c => addresses(c, lookup)))]
      .sort()
      .map(client => ({ path: share.path, client, options: optionsOf(share, root) }))
  })
  const twice = found.find(
    (e, i) => found.findIndex(o => o.path === e.path && o.client === e.client) !== i,
  )
  if (twice) throw new TaskError(`nfs_exports: ${twice.path} is exported to ${twice.client} twice`)
  return found
}

function addresses(client: string, { server, networks, hosts }: Lookup): string[] {
  if (/^0\.0\.0\.0(\/|$)|\/0$/.test(client))
    throw new TaskError(`nfs_exports: the client ${client} is everybody; name networks or hosts`)
  if (BLOCK.test(client)) return [client]
  const network = networks.get(client)
  if (network) return [network.cidr]
  const found = hosts(client).flatMap(h => addressesOf(h, server))
  if (found.length === 0)
    throw new TaskError(
      `nfs_exports: the client ${client} matches no network and no host with an address`,
    )
  return found
}

/** `mountpoint`: nothing is exported while the data disk is not mounted (exports(5)). */
const optionsOf = ({ access, squash, owner }: Share, root: string): string[] => [
  access,
  'sync',
  'no_subtree_check',
  { root: 'root_squash', all: 'all_squash', none: 'no_root_squash' }[squash],
  ...(owner && squash !== 'none' ? [`anonuid=${owner.id}`, `anongid=${owner.id}`] : []),
  `mountpoint=${root}`,
]

/** The text of /etc/exports.d/fmc.exports. A blank between client and options would export to everybody. */
export const exportsFile = (exports: readonly Export[]): string =>
  [
    '# Managed by fmc',
    ...exports.map(e => `${e.path} ${e.client}(${e.options.join(',')})`),
    '',
  ].join('\n')

/** Parses /var/lib/nfs/etab (exportfs(8)), the table that mountd answers from. Throws TaskError for any other line. */
export function parseExports(text: string): Export[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const found = /^(\S+)\s+([^\s(]+)\(([^)]*)\)$/.exec(line)
      if (!found) throw nonsense('the host', '/var/lib/nfs/etab', line)
      const [, path = '', client = '', options = ''] = found
      return { path, client, options: options.split(',') }
    })
}

/**
 * Shell text that exports what the files say and withdraws what the role has made and no longer declares. Not `exportfs
 * -r`: that withdraws every export that is in no file (exportfs(8)). May fail: exportfs -a, at a wrong line in a file of
 * others; the gate sees whether the declared exports are there.
 */
export const exportShares = (declared: readonly Export[]): string =>
  `exportfs -a || :
table=$(cat /var/lib/nfs/etab)
printf '%s\\n' "$table" | while read -r path rest; do
  case ,\${rest#*\\(} in *,${markOf(declared) ?? ''},*|*,${markOf(declared) ?? ''}\\)) ;; *) continue ;; esac
  case "$path \${rest%%\\(*}" in ${declared.map(e => quote(keyOf(e))).join('|')}) ;; *) exportfs -u "\${rest%%\\(*}:$path" || exit ;; esac
done`

const keyOf = (e: Export): string => `${e.path} ${e.client}`

/** Is `inner` this directory, or in it? */
const within = (inner: string, outer: string): boolean =>
  inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)

/** The option by which the role's own exports are known, and the directory in it. */
const markOf = (declared: readonly Export[]): string | undefined =>
  declared[0]?.options.find(o => o.startsWith('mountpoint='))

/**
 * Does an export hand out a declared directory, of fmc or of somebody else: that directory itself, a part of it, or a directory
 * around it? One above the mount point does only with crossmnt (exports(5)). Any other export is none of the role's.
 */
function reaches(e: Export, declared: readonly Export[]): boolean {
  const root = markOf(declared)?.slice('mountpoint='.length) ?? '/'
  return declared.some(
    ({ path }) =>
      within(e.path, path) ||
      (within(path, e.path) && (within(e.path, root) || e.options.includes('crossmnt'))),
  )
}

/**
 * true when the server exports the declared directories with the declared options to the declared clients alone, else the
 * differences. Exports of other directories, such as those of ZFS, do not count.
 */
export function compareExports(declared: readonly Export[], got: readonly Export[]): true | string {
  const mark = markOf(declared) ?? ''
  const wrong = [
    ...declared.flatMap(w => {
      const found = got.find(g => keyOf(g) === keyOf(w))
      if (!found) return [`${w.path} is not exported to ${w.client}`]
      const missing = w.options.filter(o => !found.options.includes(o))
      return missing.length > 0
        ? [`${w.path} is exported to ${w.client} without ${missing.join(',')}`]
        : []
    }),
    ...got
      .filter(g => !declared.some(w => keyOf(w) === keyOf(g)))
      .filter(g => g.options.includes(mark) || reaches(g, declared))
      .map(g => `${g.path} is exported to ${g.client}, which nfs_exports does not declare`),
  ]
  return wrong.length === 0 || wrong.join('; ')
}
