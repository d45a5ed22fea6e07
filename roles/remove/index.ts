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
import { addressOf, healthyIn, SERVERS, survey } from '../shared/k3s/survey.ts'
import { forgetServer } from '../shared/k3s/forget.ts'
import { drain } from '../shared/k3s/drain.ts'
import { isNode } from '../reboot/index.ts'
import { noMachine } from '../hypervisor/vm/remove-vm.ts'
import { canBeSpared } from './spared.ts'
import { vars } from './vars.ts'

export default role({
  name: 'remove',
  summary: 'Takes a host out for good: out of the cluster, and its VM',
  vars,
  async tasks({ vars, host }) {
    if (host.vmOn !== undefined && vars.remove_disks === undefined)
      throw new TaskError(`what shall become of the disks of ${host.name}?`, {
        hint: '-e remove_disks=keep (files in the pool of its hypervisor), or -e remove_disks=wipe',
      })
    await gate(`${host.name} can be spared`, () => canBeSpared(host), { timeoutSeconds: 0 })
    const there = await answers()
    if (isNode(host)) await leaveCluster(host, there, vars.remove_drain_seconds)
    // It would go on holding its VIPs, and its former fellows would no longer hear it.
    if (there && host.vmOn === undefined && vips(host).length > 0)
      for (const unit of ['keepalived', 'haproxy'])
        await service(unit, { state: 'stopped', enabled: false })
    const { remove_disks: disks } = vars
    if (host.vmOn !== undefined && disks)
      for (const hypervisor of hosts(host.vmOn))
        await on(hypervisor, () => noMachine({ machine: host.name, disks }))
  },
})

/** Drained, if it answers, and forgotten by the cluster. K3s on a machine that stays is stopped. */
async function leaveCluster(host: Host, there: boolean, seconds: number): Promise<void> {
  const unit = host.groups.includes('k3s_servers') ? 'k3s' : 'k3s-agent'
  const stopped = async (): Promise<void> => {
    if (there && host.vmOn === undefined) await service(unit, { state: 'stopped', enabled: false })
  }
  const [healthyServer] = healthyIn(await survey()).filter(([name]) => name !== host.name)
  const server = hosts(SERVERS).find(h => h.name === healthyServer?.[0])
  // The gate has said so.
  if (!healthyServer || !server) return
  const [name, { nodes, members }] = healthyServer
  const node = nodes.some(n => n.name === host.name)
  const member = members.find(m => m.address === addressOf(host))
  if (node && there) await on(server, () => drain({ node: host.name, seconds }))
  // An agent would make its Node again. A server goes on until its member has left, or two of them lost their quorum.
  if (!member) await stopped()
  await forgetServer(host, {
    kind: 'rebuild',
    via: { name, address: addressOf(server) },
    node,
    member,
    stale: false,
  })
  if (member) await stopped()
}

/** Does the host itself answer? One that is dead can be removed, too. */
const answers = (): Promise<boolean> =>
  probe({ estimate: false })`true`.then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && error.name === 'UnreachableError') return false
      throw error
    },
  )
