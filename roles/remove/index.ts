import {
  gate,
  hosts,
  on,
  probe,
  role,
  service,
  TaskError,
  vips,
  type Host,
} from '../../lib/index.ts'
import { forgetInFreeipa } from '../freeipa/index.ts'
import { noVm } from '../hypervisor/index.ts'
import { leavesPool } from '../shared/balancers.ts'
import { drain } from '../shared/k3s/drain.ts'
import { forgetHost } from '../shared/k3s/forget.ts'
import { k3sUnitOf } from '../shared/k3s/node-ready.ts'
import { addressOf, healthyIn, isNode, serverNamed, survey } from '../shared/k3s/survey.ts'
import { canBeSpared } from './spared.ts'
import { vars, type Vars } from './vars.ts'

export default role({
  name: 'remove',
  summary: 'Takes a host out for good: out of the cluster and FreeIPA, and its VM',
  vars,
  async tasks({ vars, host }) {
    const disks = disksOf(host, vars)
    await gate(`${host.name} can be spared`, () => canBeSpared(host), { timeoutSeconds: 0 })
    const up = await answers()
    // The services of a VM end with the VM.
    const stop = async (...units: readonly string[]): Promise<void> => {
      if (!up || host.vmOn !== undefined) return
      for (const unit of units) await service(unit, { state: 'stopped', enabled: false })
    }

    // A dead host gets no connections anyway.
    if (up) await leavesPool(host)
    if (isNode(host)) await leaveCluster(host, up, vars.remove_drain_seconds, stop)
    // It would keep its VIPs while the other balancers, which no longer listen to it, take them too.
    if (vips(host).length > 0) await stop('keepalived', 'haproxy')
    await forgetInFreeipa(host)
    if (host.vmOn !== undefined && disks)
      for (const hypervisor of hosts(host.vmOn))
        await on(hypervisor, () => noVm({ vm: host.name, disks }))
  },
})

/** What becomes of a VM's disks. Throws TaskError when the user has not decided it. */
function disksOf({ name, vmOn }: Host, { remove_disks: disks }: Vars): Vars['remove_disks'] {
  if (vmOn !== undefined && disks === undefined)
    throw new TaskError(
      `remove_disks is not set: it decides what becomes of the disks of ${name}`,
      {
        hint: `fmc play remove --limit ${name} -e remove_disks=keep   # the files stay on ${vmOn}; wipe deletes them`,
      },
    )
  return disks
}

/** Does the host itself answer? A dead host can be removed, too. */
const answers = (): Promise<boolean> =>
  probe({ estimate: false })`true`.then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && error.name === 'UnreachableError') return false
      throw error
    },
  )

/** Drains the host if it answers, deletes its Node and etcd member, and stops K3s on it. */
async function leaveCluster(
  host: Host,
  up: boolean,
  seconds: number,
  stop: (unit: string) => Promise<void>,
): Promise<void> {
  const [healthyServer] = healthyIn(await survey()).filter(([name]) => name !== host.name)
  // Without a healthy server the gate has refused; only a plan gets here.
  if (!healthyServer) return
  const [via, { nodes, members }] = healthyServer
  const server = serverNamed(via)
  const node = nodes.some(n => n.name === host.name)
  const member = members.find(m => m.address === addressOf(host))

  if (node && up) await on(server, () => drain({ node: host.name, seconds }))
  // An agent that runs would create its Node again. A server runs until its member is removed: two servers need both votes.
  if (!member) await stop(k3sUnitOf(host))
  await forgetHost({ name: host.name, via: server, node, member })
  if (member) await stop(k3sUnitOf(host))
}
