import { $, flush, gate, packages, role, sysctl } from '../../lib/index.ts'
import { firewalldRoutes, RELOAD } from '../shared/firewalld/route.ts'
import { lanBridge } from './network/bridge.ts'
import { daemon } from './host/daemon.ts'
import { makeVms } from './vm/make-vms.ts'
import { networksOf, virtualNetwork } from './network/libvirt-networks.ts'
import { PLATFORMS } from './platform.ts'
import { preflight } from './host/preflight.ts'
import { advise } from './advice.ts'
import { FORWARD, packetsAccepted } from './network/forward-rules.ts'
import { networksRoute, rulesAllow } from './network/routing.ts'
import { vmsShutDownFirst } from './host/guests-at-shutdown.ts'
import { vars } from './vars.ts'
import { vmsOf } from './vm/selection.ts'

export default role({
  name: 'hypervisor',
  summary: 'KVM with libvirt: the LAN’s bridge, the routed networks, and the VMs of this host',
  vars,
  platforms: PLATFORMS,
  advise,
  async tasks({ vars, host, platform }) {
    const networks = networksOf(host)
    const vms = vmsOf(host, vars)
    await preflight(vms, vars)
    await packages(...platform.packages, ...(vms.length > 0 ? platform.emulator : []))
    await sysctl('net.ipv4.ip_forward', 1)
    // Until the role firewall replaces firewalld.
    if (platform.firewalld) await firewalldRoutes('reload firewalld')
    await flush()
    await lanBridge(host, vars, platform)
    for (const name of platform.daemons) await daemon(name)
    if (vms.length > 0) await vmsShutDownFirst(vars.hypervisor_shutdown_seconds, platform)
    for (const network of networks) await virtualNetwork(network, vars.hypervisor_restart_networks)
    await packetsAccepted(networks, 'restart fmc-forward')
    // To prove packets takes ports on the bridges, which a dry run must not make.
    await gate('the networks are routed', () => networksRoute(networks, host), {
      inDryRun: () => rulesAllow(networks),
    })
    await makeVms(vars, platform)
  },
  handlers: {
    'reload firewalld': () => $`sh -c ${RELOAD}`,
    'restart fmc-forward': () => $`systemctl restart ${FORWARD}`,
  },
})

export { noVm } from './vm/remove-vm.ts'
