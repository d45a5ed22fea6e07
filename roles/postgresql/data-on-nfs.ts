import {
  ask,
  asUser,
  group,
  inventory,
  mount,
  packages,
  probe,
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

/** A mount hides what lies under it, and a server that is started on it would not miss that. */
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
        { hint: 'move it by hand (README), or leave it there: postgresql_data_nfs: null' },
      )
    if (mounted !== null && mounted.source !== source)
      throw new TaskError(`${home} is mounted from ${mounted.source}, not from ${source}`, {
        hint: 'fmc does not move data: postgresql_data_nfs is where they are',
      })
    return []
  },
})

const claimFile = (p: Platform): string => `${p.home}/fmc-host`

/** A link appears whole, and of two hosts that claim it at once one fails (link(2)). */
const claimScript = (file: string, host: string): string => {
  const script = `printf "%s\\n" "$2" >"$1.$2"; sync -- "$1.$2"; ln -T -- "$1.$2" "$1"; rm -- "$1.$2"`
  return asUser('postgres', script, file, host)
}

/** The one host that may serve the share's data, written next to them: NFS itself would let any number of servers. */
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
        ? `a server may be running on ${source}: postmaster.pid is there, and nothing says whose`
        : `${source} is ${owner}'s: two servers on the same data destroy them`,
      { hint: `if no other host will ever start PostgreSQL on it: echo ${host} >${file}` },
    )
  },
})

/** Lines of the server's unit: without the share, or with another host's, it does not start. */
export const startsOnlyOn = (p: Platform, host: string): string => `RequiresMountsFor=${p.home}
[Service]
ExecStartPre=/bin/sh -c 'grep -qsxF ${host} ${claimFile(p)} || { echo "${claimFile(p)} does not name ${host}" >&2; exit 1; }'
`

/** Mounts the share where the clusters are, for the user that its data belong to on every host: the package takes one that is there. */
export async function dataOnNfs(p: Platform, v: Vars, host: Host): Promise<void> {
  const { postgresql_data_nfs: nfs, postgresql_uid: id } = v
  if (nfs === null) return
  const share = { platform: p, source: nfsSource(nfs.source, inventory()) }
  await nothingHidden(share)
  await group('postgres', { system: true, gid: id })
  await user('postgres', { system: true, uid: id, home: p.home, shell: '/bin/bash' })
  await packages(...p.nfsPackages)
  const mounted = await mount(p.home, { ...share, type: 'nfs', options: nfs.options })
  // What is on a share that is yet to be mounted cannot be seen: from here on the plan is an estimate, and says so.
  if (mounted.changed) await probe`:`
  await claim({ ...share, host: host.name })
}
