import { gate, hosts, inventory, on, probe, reboot, rebootDue, role } from '../../lib/index.ts'
import { outOfPool } from '../shared/balancers.ts'
import { isKnown } from '../shared/k3s/node-ready.ts'
import { nodeServes } from '../shared/k3s/serving.ts'
import { hasStarted } from '../shared/system-started.ts'
import { drained } from '../shared/k3s/drain.ts'
import { vars } from './vars.ts'

export default role({
  name: 'reboot',
  summary: 'Reboots the host; a node of the cluster is drained meanwhile',
  vars,
  async tasks({ vars, host }) {
    const due = await rebootDue()
    // Without a healthy server nothing can be drained, and no server can say that the node is Ready.
    const node = await isKnown(host)
    if (due && host.groups.includes('storage'))
      await gate('no backup is being written to this host', noBackupRuns, { timeoutSeconds: 900 })
    const work = async (): Promise<void> => {
      await reboot({ timeoutSeconds: vars.reboot_timeout_seconds })
      await gate('the system has started', hasStarted, { timeoutSeconds: 300 })
      if (node) await nodeServes(host)
    }
    const restart = (): Promise<void> => outOfPool(host, 'machine', due, work)
    await (node ? drained(host, due, restart, vars.reboot_drain_seconds) : restart())
  },
})

/** PostgreSQL writes its backups over NFS, and a dump hangs when its NFS server goes. */
async function noBackupRuns(): Promise<true | string> {
  if (!inventory().groups.has('databases')) return true
  for (const db of hosts('databases')) {
    const state = await on(
      db,
      () => probe({ estimate: false })`systemctl is-active fmc-postgresql-backup.service`,
    )
    if (/^(active|activating)$/.test(state.stdout.trim())) return `${db.name} is writing its backup`
  }
  return true
}
