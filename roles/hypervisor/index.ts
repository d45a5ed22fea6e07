import { packages, role, sysctl } from '../../lib/index.ts'
import { machines } from './machines.ts'
import { platformOf } from './platform.ts'
import { vars } from './vars.ts'

export default role({
  name: 'hypervisor',
  summary: 'KVM with libvirt: the LAN’s bridge, the routed networks, and the VMs of this host',
  vars,
  async tasks({ vars, host }) {
    const platform = platformOf(host.os)
    await packages(...platform.packages)
    await sysctl('net.ipv4.ip_forward', 1)
    await machines(vars)
  },
})
