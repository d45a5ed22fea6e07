import { file, service, unit } from '../../../lib/index.ts'
import type { Platform } from '../platform.ts'

/** As a VM that is killed loses what it has not written yet, all are asked to shut down before their host does: libvirt-guests(8). */
export async function vmsShutDownFirst(
  seconds: number,
  { daemons, guests }: Platform,
): Promise<void> {
  await file(guests, { content: guestsFile(seconds) })
  // Its own unit names sockets only: at shutdown the daemon could be gone before it is asked.
  await unit('libvirt-guests.service', {
    dropIn: true,
    content: `# Managed by fmc
[Unit]
After=${daemons.map(d => `${d}.service`).join(' ')}
`,
  })
  await service('libvirt-guests')
}

/** Upstream's default is to save the memory of VMs one by one: after a start their clocks and leases would be of yesterday. */
const guestsFile = (seconds: number): string => `# Managed by fmc: role hypervisor
URIS=qemu:///system
ON_BOOT=ignore
ON_SHUTDOWN=shutdown
PARALLEL_SHUTDOWN=100
SHUTDOWN_TIMEOUT=${seconds}
`
