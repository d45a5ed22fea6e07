import {
  ask,
  excerpt,
  on,
  quote,
  resource,
  TaskError,
  type Common,
  type Facts,
  type Host,
} from '../../../lib/index.ts'
import { KUBECTL_TEXT } from './platform.ts'
import { ETCDCTL, parseMembers, type Member } from './server-state.ts'

/** What the cluster still has of a host that leaves, or that joins again from nothing. */
export interface Forgotten {
  readonly name: string
  /** A healthy server: it does the work. */
  readonly via: Host
  /** Is there a Node of its name? */
  readonly node: boolean
  /** Its member of etcd, if it has one. */
  readonly member: Pick<Member, 'address'> | undefined
}

/** Deletes a host's Node and its etcd member. */
export async function forgetHost({ name, via, node, member }: Forgotten): Promise<void> {
  await on(via, async () => {
    // The Node first: K3s then deletes its node password and removes its etcd member (not always, k3s #10408).
    if (node) await noNode({ node: name })
    if (member) await noMember({ server: name, address: member.address })
  })
}

/**
 * K3s's finalizer `wrangler.cattle.io/managed-etcd-controller` lets a server's Node go once the holder of the lease
 * `k3s-etcd` has removed the etcd member (k3s, pkg/etcd/member_controller.go). If the dead server held the lease, another one
 * takes it after 45 s, and only then begins.
 */
const DELETE_SECONDS = 180

/** Deletes the Node, so that K3s accepts a new kubelet of the same name. Runs on a healthy server. */
export const noNode = resource({
  name: (o: Common & { readonly node: string }) => `no node ${o.node}`,
  needs: o => ({ now: ask('command', nodeExists(o.node)) }),
  plan: (o, { now }) =>
    isThere(o.node, now)
      ? [
          {
            what: 'delete',
            script: `${KUBECTL_TEXT} delete node ${quote(o.node)} --timeout=${DELETE_SECONDS}s`,
            timeoutMs: (DELETE_SECONDS + 30) * 1000,
            factsAfter: [
              [ask('command', nodeExists(o.node)), { code: 1, stdout: '', stderr: '(NotFound)' }],
            ],
          },
        ]
      : [],
})

/** Does kubectl find the Node? Throws TaskError when its answer does not tell. */
export function isThere(name: string, { code, stderr }: Facts['command']): boolean {
  if (code === 0) return true
  if (/NotFound/.test(stderr)) return false
  throw new TaskError(
    `it is unknown whether the node ${name} exists: ${stderr.trim() === '' ? `kubectl ended with ${code}` : excerpt(stderr.trim())}`,
  )
}

const nodeExists = (name: string): string =>
  `timeout 10 ${KUBECTL_TEXT} get node ${quote(name)} -o name`

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
      // K3s may have removed it in the meantime.
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
