import { file, service, unit } from '../../../lib/index.ts'
import type { Platform } from '../platform.ts'

/** Shuts the VMs down before their host, by libvirt-guests(8): a VM that is killed loses what it has not written yet. */
export async function vmsShutDownFirst(
  seconds: number,
  { daemons, guests }: Platform,
): Promise<void> {
  await file(guests, { content: guestsFile(seconds) })
  // The distribution's unit names sockets only: at shutdown the daemon could stop before it.
  await unit('libvirt-guests.service', {
    dropIn: true,
    content: `# Managed by fmc
[Unit]
After=${daemons.map(d => `${d}.service`).join(' ')}
`,
  })
  await service('libvirt-guests')
}

/** By default libvirt-guests saves the memory of VMs: after a restore their clocks and leases would be outdated. */
const guestsFile = (seconds: number): string => `# Managed by fmc: role hypervisor
URIS=qemu:///system
ON_BOOT=ignore
ON_SHUTDOWN=shutdown
PARALLEL_SHUTDOWN=100
SHUTDOWN_TIMEOUT=${seconds}
`
