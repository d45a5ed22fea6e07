import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
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
import { stampOf } from '../etcd-snapshot/take.ts'
import { CONFIG, CONFIG_DIR, DATA_DIR } from '../k3s-common/platform.ts'
import { addressOf, SERVERS, stateHere } from '../k3s-common/survey.ts'
import { vars } from './vars.ts'

/** Two roles of one playbook that asks before it begins: no index.ts, so that neither is run by name alone. */
const DB = `${DATA_DIR}/server/db`
const MARKS = '/var/lib/fmc/restore'
const TOKEN = `${CONFIG_DIR}/fmc-restore.token`
const LONGEST_TOKEN = 4096
const WAIT = { timeoutSeconds: 300 }

type Vars = ReturnType<typeof vars.parse>

/** Once per job: what it leaves behind says that this restore has been made here. */
const markOf = (step: 'stopped' | 'restored'): string => `${MARKS}/${stampOf(begun())}-${step}`

const isMade = async (step: 'stopped' | 'restored'): Promise<boolean> =>
  (await probe({ estimate: false })`test -e ${markOf(step)}`).ok

/** Every server stops before one of them goes back in time: two histories must never meet. */
export const stopServers = role({
  name: 'etcd-stop',
  summary: 'Stops K3s on every server before a restore',
  vars,
  async tasks({ vars }) {
    kept(vars.etcd_restore_from)
    if (await isMade('stopped')) return
    await service('k3s', { state: 'stopped', enabled: true })
    await once({
      name: 'stopped for this restore',
      mark: markOf('stopped'),
      what: 'note',
      script: '',
    })
  },
})

/** The first server begins with the snapshot; the others forget their data and join it. */
export const restoreServers = role({
  name: 'etcd-restore',
  summary: 'Puts etcd back to a snapshot',
  vars,
  async tasks({ vars, host }) {
    const first = firstServer()
    if (!(await isMade('restored'))) {
      if (host.name === first.name) await reset(vars)
      else {
        // Else the last copies of the data would go while there is no other.
        await gate(
          `${first.name} works with the snapshot`,
          () => on(first, async () => (await isMade('restored')) || 'it has not been restored yet'),
          { timeoutSeconds: 10 },
        )
        await forget(first)
      }
    }
    await service('k3s', { wait: false })
    await gate(
      'the server works with the restored data',
      async () => {
        const state = await stateHere()
        if (!state.healthy) return state.ailment
        const me = state.members.find(m => m.address === addressOf(host))
        return (me?.started && !me.learner) || 'it does not vote yet'
      },
      WAIT,
    )
  },
})

/** The server that begins with the snapshot. */
function firstServer(): Host {
  const name = (host().vars['etcd_restore_on'] as string | undefined) ?? hosts(SERVERS)[0]?.name
  const first = hosts(SERVERS).find(s => s.name === name)
  if (first) return first
  throw new TaskError(
    `etcd_restore_on: ${name ?? ''} is none of ${hosts(SERVERS)
      .map(s => s.name)
      .join(', ')}`,
  )
}

/** It comes first, and the others when it works. */
export const firstFirst = (): Promise<number> =>
  Promise.resolve(firstServer().name === host().name ? 0 : 1)

/** Names of the snapshot and, beside it, the token. Throws TaskError when they are not both there. */
function kept(from: string): { readonly snapshot: string; readonly token: Secret } {
  const dir = keptAt(from)
  const names = ((): string[] => {
    try {
      return readdirSync(dir)
    } catch {
      throw new TaskError(`there is no snapshot ${dir} on this machine`, {
        hint: `fmc play etcd-restore -e etcd_restore_from=…; there are: ${known(dir)}`,
      })
    }
  })()
  const [snapshot, more] = names.filter(n => n !== 'token' && !n.startsWith('.'))
  if (snapshot === undefined || more !== undefined || !names.includes('token'))
    throw new TaskError(
      `${dir} must hold one snapshot and its token; in it: ${names.slice(0, 5).join(', ') || 'nothing'}`,
    )
  return { snapshot: join(dir, snapshot), token: tokenIn(join(dir, 'token')) }
}

/** It came from a server and goes to servers, into a file that K3s reads: one line, as K3s writes it. */
function tokenIn(path: string): Secret {
  const text = statSync(path).size > LONGEST_TOKEN ? '' : readFileSync(path, 'utf8').trim()
  if (/^\P{Cc}+$/u.test(text)) return new Secret(text, 'the token of the snapshot')
  throw new TaskError(`${path} is no token: it must be one line of printable characters`)
}

const known = (dir: string): string => {
  try {
    return readdirSync(join(dir, '..')).sort().slice(-5).join(', ') || 'none'
  } catch {
    return 'none'
  }
}

/**
 * `--cluster-reset` refuses a config that names another server (K3s pkg/cli/server), so it gets its own without that
 * line. The data that was there is moved aside and not deleted; of earlier ones only the last is kept.
 */
async function reset(vars: Vars): Promise<void> {
  const { snapshot, token } = kept(vars.etcd_restore_from)
  const there = `${DATA_DIR}/server/fmc-restore.snapshot`
  await send(snapshot, there)
  await file(TOKEN, { content: secret`${token}`, mode: '0600' })
  const config = '/run/fmc-restore.yaml'
  await once({
    name: 'etcd is what the snapshot holds',
    mark: markOf('restored'),
    what: 'reset etcd to the snapshot',
    script: `umask 077
trap 'rm -f ${config}' EXIT
sed -e '/^server:/d' -e '/^cluster-init:/d' -e '/^token:/d' ${CONFIG} >${config}
rm -f ${DB}/reset-flag
k3s server --config ${config} --token-file ${TOKEN} --cluster-reset --cluster-reset-restore-path=${there}
rm -f ${there} ${TOKEN}`,
  })
}

/** What this server knew belongs to the history that is over, the authority that its token trusts too. */
async function forget(first: Host): Promise<void> {
  const seed = quote(`server: "https://${addressOf(first)}:6443"`)
  await once({
    name: 'no data of the time after the snapshot',
    mark: markOf('restored'),
    what: `set aside as ${DB}.before-restore`,
    // Begun before and cut off: then it is aside already, and is the only copy.
    script: `if [ -e ${DB} ]; then rm -rf ${DB}.before-restore; mv -T ${DB} ${DB}.before-restore; fi
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

/** A step of this restore, made once: its mark says so. */
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
