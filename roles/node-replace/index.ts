import { dirname } from 'node:path/posix'
import {
  ask,
  begun,
  probe,
  quote,
  reboot,
  resource,
  role,
  TaskError,
  z,
  type Common,
} from '../../lib/index.ts'
import { stampOf } from '../etcd-snapshot/take.ts'
import { AGENT_SCRIPT } from '../k3s-agent/state.ts'
import { k3sUnitOf } from '../k3s-common/back.ts'
import { CONFIG, DATA_DIR } from '../k3s-common/platform.ts'
import { STATE_SCRIPT } from '../k3s-common/state.ts'

export default role({
  name: 'node-replace',
  summary: 'Makes sure that a host begins from nothing before it joins under an old name',
  vars: z.object({
    node_replace_wipe: z
      .boolean()
      .default(false)
      .describe('The host still has its K3s data and is to begin anew all the same: set it aside'),
  }),
  async tasks({ vars, host }) {
    const unit = k3sUnitOf(host)
    const stamp = stampOf(begun())
    const there = async (path: string) => (await probe({ estimate: false })`test -e ${path}`).ok
    const had =
      (await there(asideOf(stamp))) || ((await there(KUBELET)) && !(await there(seenOf(stamp))))
    await fresh({ unit, wipe: vars.node_replace_wipe, stamp })
    // Containers of the old life go on running until then.
    if (had) await reboot()
  },
})

/** Its data, out of the way: for this job the host is a new machine. */
const asideOf = (stamp: string): string => `${DATA_DIR}.replaced-${stamp}`
/** The mark of a host that had none when this job came to it: what it has later is of the new life. */
const seenOf = (stamp: string): string => `/var/lib/fmc/replace/${stamp}`
const KUBELET = `${DATA_DIR}/agent/client-kubelet.crt`
const kubelet = ask('path', KUBELET)
/** What the K3s roles ask. */
const state = ask('command', `sh -c ${quote(STATE_SCRIPT)}`)
const agent = ask('command', `sh -c ${quote(AGENT_SCRIPT)}`)
const NO_AGENT = 'no\n\n\nActiveState=inactive SubState=dead NRestarts=0 \n'
/** What goes with the data. */
const GONE = [CONFIG, DATA_DIR, `${DATA_DIR}/server`, `${DATA_DIR}/server/manifests`]
const NOTHING = 'data no\njoined no\nunit ActiveState=inactive SubState=dead NRestarts=0 \nseed \n'

const fresh = resource({
  name: (_: Common & { readonly unit: string; readonly wipe: boolean; readonly stamp: string }) =>
    `no K3s data of an earlier life`,
  needs: ({ stamp }) => ({
    now: kubelet,
    aside: ask('path', asideOf(stamp)),
    seen: ask('path', seenOf(stamp)),
  }),
  plan({ unit, wipe, stamp }, { now, aside, seen }) {
    if (aside !== null || seen !== null) return []
    const root = { owner: 'root', group: 'root' } as const
    if (now === null) {
      const mark = seenOf(stamp)
      return [
        {
          what: 'note that it begins from nothing',
          script: `mkdir -p ${dirname(mark)} && : >${mark}`,
          factsAfter: [[ask('path', mark), { type: 'file', mode: '0644', ...root }]],
        },
      ]
    }
    if (!wipe)
      throw new TaskError('this host has been a node and has its data: it is not a new machine', {
        hint: 'if it does not work, repair it: fmc play site --limit it. To begin anew all the same: -e node_replace_wipe=true',
      })
    const there = asideOf(stamp)
    return [
      {
        what: `set aside as ${there}`,
        script: `systemctl disable -q --now ${unit}.service\nrm -f /etc/rancher/node/password ${CONFIG}\nmv -T -- ${DATA_DIR} ${quote(there)}`,
        factsAfter: [
          [kubelet, null],
          [ask('path', there), { type: 'directory', mode: '0755', ...root }],
          [agent, { code: 0, stderr: '', stdout: NO_AGENT }],
          [ask('sha', CONFIG), null],
          ...GONE.map(path => [ask('path', path), null] as const),
          [state, { code: 0, stderr: '', stdout: NOTHING }],
          [
            ask('unit', unit),
            { load: 'loaded', active: 'inactive', enabled: 'disabled', reload: false },
          ],
        ],
      },
    ]
  },
})
