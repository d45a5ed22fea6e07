import { dirname } from 'node:path/posix'
import { ask, quote, resource, TaskError, type Common } from '../../lib/index.ts'
import { PRESENT_SCRIPT, withoutData } from '../shared/k3s/adoption.ts'
import { AGENT_SCRIPT } from '../shared/k3s/agent-state.ts'
import { CONFIG, DATA_DIR } from '../shared/k3s/platform.ts'
import { STATE_SCRIPT } from '../shared/k3s/server-state.ts'

/** Where this job (by its time stamp) moves the data of the older node. */
export const movedTo = (stamp: string): string => `${DATA_DIR}.replaced-${stamp}`

/** Marks a host that had no data when this job first saw it: data that it has later is the new node's. */
export const startedEmpty = (stamp: string): string => `/var/lib/fmc/replace/${stamp}`

/** A host that has this file has been a node. */
export const KUBELET = `${DATA_DIR}/agent/client-kubelet.crt`

const kubelet = ask('path', KUBELET)
/** The questions of the K3s roles, which come next in the same plan. */
const server = ask('command', `sh -c ${quote(STATE_SCRIPT)}`)
const agent = ask('command', `sh -c ${quote(AGENT_SCRIPT)}`)
const present = ask('command', `sh -c ${quote(PRESENT_SCRIPT)}`)
const EMPTY_SERVER =
  'data no\njoined no\nunit ActiveState=inactive SubState=dead NRestarts=0 \nseed \n'
const EMPTY_AGENT = 'no\n\n\nActiveState=inactive SubState=dead NRestarts=0 \n'
/** Paths that go with the data. */
const GONE = [CONFIG, DATA_DIR, `${DATA_DIR}/server`, `${DATA_DIR}/server/manifests`]

/** The older node may have been of the other kind, whose unit this one does not have. */
const DISABLE = `for u in k3s k3s-agent; do
  if systemctl cat $u.service >/dev/null 2>&1; then systemctl disable -q --now $u.service; fi
done`

interface OldData extends Common {
  readonly host: string
  readonly unit: string
  /** Move the data aside; without it the host is refused. */
  readonly wipe: boolean
  readonly stamp: string
}

/** The host has no K3s data of an older node. */
export const noOldData = resource({
  name: (_: OldData) => `no K3s data of an earlier life`,
  needs: ({ stamp }) => ({
    now: kubelet,
    moved: ask('path', movedTo(stamp)),
    empty: ask('path', startedEmpty(stamp)),
    all: present,
  }),
  plan({ host, unit, wipe, stamp }, { now, moved, empty, all }) {
    if (moved !== null || empty !== null) return []
    const root = { owner: 'root', group: 'root' } as const
    if (now === null) {
      const mark = startedEmpty(stamp)
      return [
        {
          what: 'note that it starts from nothing',
          script: `mkdir -p ${dirname(mark)} && : >${mark}`,
          factsAfter: [[ask('path', mark), { type: 'file', mode: '0644', ...root }]],
        },
      ]
    }
    if (!wipe)
      throw new TaskError('this host has been a node and has its data: it is not a new machine', {
        hint: `to repair it: fmc play site --limit ${host}. To start from nothing: fmc play node-replace --limit ${host} -e node_replace_wipe=true`,
      })
    const to = movedTo(stamp)
    return [
      {
        what: `set aside as ${to}`,
        script: `${DISABLE}\nrm -f /etc/rancher/node/password ${CONFIG}\nmv -T -- ${DATA_DIR} ${quote(to)}`,
        factsAfter: [
          [kubelet, null],
          [ask('path', to), { type: 'directory', mode: '0755', ...root }],
          [agent, { code: 0, stderr: '', stdout: EMPTY_AGENT }],
          [present, { code: 0, stderr: '', stdout: withoutData(all.stdout, unit) }],
          [ask('sha', CONFIG), null],
          ...GONE.map(path => [ask('path', path), null] as const),
          [server, { code: 0, stderr: '', stdout: EMPTY_SERVER }],
          [
            ask('unit', unit),
            { load: 'loaded', active: 'inactive', enabled: 'disabled', reload: false },
          ],
        ],
      },
    ]
  },
})
