import {
  ask,
  asUser,
  estimateFrom,
  group,
  inventory,
  mount,
  packages,
  resource,
  TaskError,
  user,
  type Common,
  type Host,
} from '../../lib/index.ts'
import { nfsSource } from './addresses.ts'
import type { Platform } from './platform.ts'
import type { Vars } from './vars.ts'

const NOTHING = { code: 0, stdout: '', stderr: '' }

interface Share extends Common {
  readonly platform: Platform
  readonly source: string
}

/** Refuses to mount over a cluster on the host's own disk: the mount would hide it, and the server would start without it. */
const nothingHidden = resource({
  name: ({ platform }: Share) => `nothing of PostgreSQL's own in ${platform.home}`,
  needs: ({ platform: p }) => ({
    mounted: ask('mount', p.home),
    found: ask(
      'command',
      `for f in ${p.home}/*/PG_VERSION ${p.home}/*/*/PG_VERSION; do if [ -e "$f" ]; then echo "$f"; fi; done`,
      NOTHING,
    ),
  }),
  plan({ platform: { home }, source }, { mounted, found }) {
    const [local] = found.stdout.split('\n')
    if (mounted === null && local)
      throw new TaskError(
        `${local}: there is a cluster on the host's own disk, and ${source} would hide it`,
        { hint: 'move it by hand (README), or keep it: postgresql_data_nfs: null' },
      )
    if (mounted !== null && mounted.source !== source)
      throw new TaskError(`${home} is mounted from ${mounted.source}, not from ${source}`, {
        hint: 'fmc does not move data: set postgresql_data_nfs to where it is',
      })
    return []
  },
})

const claimFile = (p: Platform): string => `${p.home}/fmc-host`

/** Shell text that claims the share. It makes a hard link: of two hosts that try at once, one fails (link(2)). */
const claimScript = (file: string, host: string): string => {
  const script = `printf "%s\\n" "$2" >"$1.$2"; sync -- "$1.$2"; ln -T -- "$1.$2" "$1"; rm -- "$1.$2"`
  return asUser('postgres', script, file, host)
}

/** The name of the one host that may serve the share's data, in a file beside it: NFS itself does not stop a second server. */
const claim = resource({
  name: (o: Share & { readonly host: string }) => `claim ${o.platform.home}`,
  opaque: true,
  needs: ({ platform: p }) => ({
    found: ask(
      'command',
      asUser(
        'postgres',
        'if [ -e "$1" ]; then cat -- "$1"; elif [ -e "$2" ]; then echo "?"; fi',
        claimFile(p),
        `${p.data}/postmaster.pid`,
      ),
      NOTHING,
    ),
  }),
  plan({ platform, source, host }, { found }) {
    const owner = found.stdout.trim()
    const file = claimFile(platform)
    if (owner === host) return []
    if (owner === '') return [{ what: `for ${host}`, script: claimScript(file, host) }]
    throw new TaskError(
      owner === '?'
        ? `a server may be running on ${source}: it has a postmaster.pid, and no file names its host`
        : `${source} belongs to ${owner}: two servers on the same data destroy it`,
      { hint: `if no other host will ever start PostgreSQL on it: echo ${host} >${file}` },
    )
  },
})

/** Lines of the server's unit: it starts only on a mounted share that names this host. */
export const startsOnlyOn = (p: Platform, host: string): string => `RequiresMountsFor=${p.home}
[Service]
ExecStartPre=/bin/sh -c 'grep -qsxF ${host} ${claimFile(p)} || { echo "${claimFile(p)} does not name ${host}" >&2; exit 1; }'
`

/**
 * Mounts the share where the host keeps its clusters, and claims it for this host. It makes the user postgres first,
 * with the id that owns the data on every host: the package takes an existing user. Does nothing without
 * postgresql_data_nfs. Throws TaskError where data would be hidden, or another host serves it.
 */
export async function dataOnNfs(p: Platform, v: Vars, host: Host): Promise<void> {
  const { postgresql_data_nfs: nfs, postgresql_uid: id } = v
  if (nfs === null) return
  const share = { platform: p, source: nfsSource(nfs.source, inventory()) }
  await nothingHidden(share)
  await group('postgres', { system: true, gid: id })
  await user('postgres', { system: true, uid: id, home: p.home, shell: '/bin/bash' })
  await packages(...p.nfsPackages)
  const mounted = await mount(p.home, { ...share, type: 'nfs', options: nfs.options })
  // What is on the share can be read only once it is mounted.
  estimateFrom(mounted)
  await claim({ ...share, host: host.name })
}
