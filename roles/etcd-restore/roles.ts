import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  ask,
  begun,
  file,
  gate,
  host,
  hosts,
  keptAt,
  on,
  probe,
  quote,
  resource,
  role,
  secret,
  Secret,
  send,
  service,
  TaskError,
  type Common,
  type Host,
} from '../../lib/index.ts'
import { stampOf } from '../shared/k3s/snapshot.ts'
import { CONFIG, CONFIG_DIR, DATA_DIR } from '../shared/k3s/platform.ts'
import { addressOf, SERVERS, stateHere } from '../shared/k3s/survey.ts'
import { vars } from './vars.ts'

// Two roles of one playbook that asks for confirmation. There is no index.ts, so that `fmc role` runs neither alone.

/** Stops every server before one is put back to the snapshot: servers with old and new data must never meet. */
export const stopServers = role({
  name: 'etcd-stop',
  summary: 'Stops K3s on every server before a restore',
  vars,
  async tasks({ vars }) {
    kept(vars.etcd_restore_from)
    if (await isDone('stopped')) return
    await service('k3s', { state: 'stopped', enabled: true })
    await once({
      name: 'stopped for this restore',
      mark: markOf('stopped'),
      what: 'note',
      script: '',
    })
  },
})

/** The first server starts from the snapshot; the others drop their data and join it. */
export const restoreServers = role({
  name: 'etcd-restore',
  summary: 'Puts etcd back to a snapshot',
  vars,
  async tasks({ vars, host }) {
    const first = firstServer()
    if (!(await isDone('restored'))) {
      if (host.name === first.name) await reset(vars)
      else {
        // Until then the other servers' data may be the last copies.
        await gate(
          `${first.name} runs from the snapshot`,
          () => on(first, async () => (await isDone('restored')) || 'it has not been restored yet'),
          { timeoutSeconds: 10 },
        )
        await forget(first)
      }
    }
    await service('k3s', { wait: false })
    await gate(
      'the server runs with the restored data',
      async () => {
        const state = await stateHere()
        if (!state.healthy) return state.problem
        const me = state.members.find(m => m.address === addressOf(host))
        return (me?.started && !me.learner) || 'it does not vote yet'
      },
      WAIT,
    )
  },
})

const DB = `${DATA_DIR}/server/db`
const ETCD = `${DB}/etcd`
/** K3s marks a reset with it, and refuses another one. */
const RESET_FLAG = `${DB}/reset-flag`
const MARKS = '/var/lib/fmc/restore'
const TOKEN = `${CONFIG_DIR}/fmc-restore.token`
const LONGEST_TOKEN = 4096
const WAIT = { timeoutSeconds: 300 }

type Vars = ReturnType<typeof vars.parse>

/** A file that marks a step of this restore (by its time stamp) as done on this host. */
const markOf = (step: 'stopped' | 'restored'): string => `${MARKS}/${stampOf(begun())}-${step}`

const isDone = async (step: 'stopped' | 'restored'): Promise<boolean> =>
  (await probe({ estimate: false })`test -e ${markOf(step)}`).ok

/** The server that starts from the snapshot. */
function firstServer(): Host {
  const name = (host().vars['etcd_restore_on'] as string | undefined) ?? hosts(SERVERS)[0]?.name
  const first = hosts(SERVERS).find(s => s.name === name)
  if (first) return first
  throw new TaskError(
    `etcd_restore_on is ${name ?? ''}, which is none of ${hosts(SERVERS)
      .map(s => s.name)
      .join(', ')}`,
  )
}

/** Rank in the rolling play: the server that starts from the snapshot comes first. */
export const firstFirst = (): Promise<number> =>
  Promise.resolve(firstServer().name === host().name ? 0 : 1)

/** The snapshot's path, and the token beside it. Throws TaskError unless both are there. */
function kept(from: string): { readonly snapshot: string; readonly token: Secret } {
  const dir = keptAt(from)
  const names = ((): string[] => {
    try {
      return readdirSync(dir)
    } catch {
      throw new TaskError(`there is no snapshot ${dir} on this machine`, {
        hint: `fmc play etcd-restore -e etcd_restore_from=${join(dirname(from), 'TIME')}   # TIME: one of ${known(dir)}`,
      })
    }
  })()
  const [snapshot, more] = names.filter(n => n !== 'token' && !n.startsWith('.'))
  if (snapshot === undefined || more !== undefined || !names.includes('token'))
    throw new TaskError(
      `${dir} must contain one snapshot and its token, and nothing else; it contains: ${names.slice(0, 5).join(', ') || 'nothing'}`,
    )
  return { snapshot: join(dir, snapshot), token: tokenIn(join(dir, 'token')) }
}

/** Reads the token. It came from a server and goes into a file that K3s reads, so it must be one line, as K3s writes it. */
function tokenIn(path: string): Secret {
  const text = statSync(path).size > LONGEST_TOKEN ? '' : readFileSync(path, 'utf8').trim()
  if (/^\P{Cc}+$/u.test(text)) return new Secret(text, 'the token of the snapshot')
  throw new TaskError(`${path} is not a token: it must be one line of printable characters`)
}

/** The newest snapshots beside that directory, for a hint. */
const known = (dir: string): string => {
  try {
    return readdirSync(join(dir, '..')).sort().slice(-5).join(', ') || 'none'
  } catch {
    return 'none'
  }
}

/**
 * Resets etcd to the snapshot. `--cluster-reset` refuses a configuration that names another server (k3s, pkg/cli/server), so
 * it gets config.yaml without that line, and no config.yaml.d, where such a line may be, too: K3s reads FILE.d beside any
 * --config FILE (k3s, pkg/configfilearg), so the file is in a directory of its own. K3s moves the old data aside.
 */
async function reset(vars: Vars): Promise<void> {
  const { snapshot, token } = kept(vars.etcd_restore_from)
  const there = `${DATA_DIR}/server/fmc-restore.snapshot`
  await send(snapshot, there)
  await file(TOKEN, { content: secret`${token}`, mode: '0600' })
  await once({
    name: 'etcd is what the snapshot holds',
    mark: markOf('restored'),
    what: 'reset etcd to the snapshot',
    script: `umask 077
dir=$(mktemp -d /run/fmc-restore.XXXXXXXX)
trap 'rm -rf -- "$dir"' EXIT
sed -e '/^server:/d' -e '/^cluster-init:/d' -e '/^token:/d' ${CONFIG} >"$dir/config.yaml"
rm -f ${RESET_FLAG}
k3s server --config "$dir/config.yaml" --token-file ${TOKEN} --cluster-reset --cluster-reset-restore-path=${there}
rm -f ${there} ${TOKEN}`,
  })
}

/**
 * Drops this server's state from after the snapshot: its etcd data, moved aside, and the authority that its token
 * trusts. Of data moved aside only the last is kept. Its snapshots, in the same directory, stay.
 */
async function forget(first: Host): Promise<void> {
  const seed = quote(`server: "https://${addressOf(first)}:6443"`)
  await once({
    name: 'no data from after the snapshot',
    mark: markOf('restored'),
    what: `set aside as ${ETCD}.before-restore`,
    // Without ETCD an interrupted run has moved it aside already: then that is the only copy.
    script: `if [ -e ${ETCD} ]; then rm -rf ${ETCD}.before-restore; mv -T ${ETCD} ${ETCD}.before-restore; fi
rm -f ${RESET_FLAG}
sed -i -e '/^cluster-init:/d' -e 's/^token: "K10[0-9a-f]*::server:/token: "/' -e ${quote(`s|^server:.*|server: "https://${addressOf(first)}:6443"|`)} ${CONFIG}
grep -q '^server:' ${CONFIG} || printf '%s\\n' ${seed} >>${CONFIG}`,
  })
}

interface Step extends Common {
  readonly name: string
  readonly mark: string
  readonly what: string
  readonly script: string
}

/** A step that is done once per restore: its mark says that it is done. */
const once = resource({
  name: (o: Step) => o.name,
  needs: o => ({ mark: ask('path', o.mark) }),
  plan: ({ mark, what, script }, now) =>
    now.mark !== null
      ? []
      : [
          {
            what,
            script: `${script}\nmkdir -p ${MARKS} && : >${quote(mark)}`,
            factsAfter: [
              [ask('path', mark), { type: 'file', mode: '0644', owner: 'root', group: 'root' }],
            ],
            timeoutMs: 900_000,
          },
        ],
})
