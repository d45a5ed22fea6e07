import {
  ask,
  excerpt,
  hosts,
  on,
  quote,
  resource,
  TaskError,
  type Common,
  type Facts,
  type Host,
} from '../../lib/index.ts'
import { DATA_DIR } from '../k3s-common/platform.ts'
import { ETCDCTL, parseMembers } from '../k3s-common/state.ts'
import type { Step } from './bootstrap.ts'

/** Makes room for a server that lost its data: its Node, its place among etcd's members, what is left of its data. */
export async function forgetServer(
  server: Host,
  step: Extract<Step, { kind: 'rebuild' }>,
): Promise<void> {
  for (const via of hosts(step.via.name))
    await on(via, async () => {
      // The Node first: its node password goes with it, and K3s takes its member out (not always, k3s #10408).
      if (step.node) await noNode({ node: server.name })
      if (step.member) await noMember({ server: server.name, address: step.member.address })
    })
  if (step.stale) await dataSetAside({})
}

/** No Node of this name: the next kubelet of that name is a new one. Runs on a healthy server. */
export const noNode = resource({
  name: (o: Common & { readonly node: string }) => `no node ${o.node}`,
  needs: o => ({ now: ask('command', nodeExists(o.node)) }),
  plan: (o, { now }) =>
    isThere(o.node, now)
      ? [
          {
            what: 'delete',
            script: `k3s kubectl delete node ${quote(o.node)} --timeout=60s`,
            factsAfter: [
              [ask('command', nodeExists(o.node)), { code: 1, stdout: '', stderr: '(NotFound)' }],
            ],
          },
        ]
      : [],
})

/** Throws TaskError when nobody knows. */
export function isThere(name: string, { code, stderr }: Facts['command']): boolean {
  if (code === 0) return true
  if (/NotFound/.test(stderr)) return false
  throw new TaskError(
    `the node ${name} cannot be asked about: ${stderr.trim() === '' ? `kubectl ended with ${code}` : excerpt(stderr.trim())}`,
  )
}

const nodeExists = (name: string): string =>
  `timeout 10 k3s kubectl get node ${quote(name)} -o name`

const noMember = resource({
  name: (o: Common & { readonly server: string; readonly address: string }) =>
    `no etcd member ${o.server}`,
  needs: () => ({ list: ask('command', `${ETCDCTL} member list -w simple`) }),
  plan(o, { list }) {
    if (list.code !== 0)
      throw new TaskError(`etcdctl does not list the members: ${list.stderr.trim()}`)
    const gone = parseMembers(list.stdout).filter(m => m.address === o.address)
    return gone.map(({ id }) => ({
      what: `remove ${id}`,
      // K3s may be quicker.
      script: `${ETCDCTL} member remove ${id} >&2 || ! ${ETCDCTL} member list -w simple | grep -q ^${id},`,
      factsAfter: [
        [
          ask('command', `${ETCDCTL} member list -w simple`),
          { code: 0, stderr: '', stdout: list.stdout.replace(new RegExp(`^${id}.*\\n`, 'm'), '') },
        ],
      ],
    }))
  },
})

const DB = `${DATA_DIR}/server/db/etcd`

/** Data of a member that the cluster has removed cannot be used any more; it is kept, out of the way. */
const dataSetAside = resource({
  name: (_: Common) => `old data ${DB}`,
  needs: () => ({ now: ask('path', DB), unit: ask('unit', 'k3s') }),
  plan: (_, { now, unit }) =>
    now === null
      ? []
      : [
          {
            what: 'set aside',
            script: `systemctl stop k3s.service; mv -T -- ${DB} "${DB}-removed-$(date +%Y%m%dT%H%M%S)"`,
            factsAfter: [
              [ask('path', DB), null],
              [ask('unit', 'k3s'), { ...unit, active: 'inactive' }],
            ],
          },
        ],
})
