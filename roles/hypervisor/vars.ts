import { z } from '../../lib/index.ts'

export const vars = z.object({
  hypervisor_vms: z
    .array(z.string())
    .optional()
    .describe('Hosts to create as VMs here; default all whose vm_on is this host'),
  hypervisor_pool_path: z
    .string()
    .regex(/^(\/[\w.-]+)+$/, { error: 'expected an absolute path' })
    .default('/var/lib/libvirt/images')
    .describe('Directory of images and volumes'),
  hypervisor_emulation: z
    .boolean()
    .default(false)
    .describe('Run VMs without hardware virtualization: ten to fifty times slower'),
  hypervisor_overcommit: z
    .boolean()
    .default(false)
    .describe('Accept VMs that together want more memory, processors or disk than there is'),
  hypervisor_reserved_mb: z
    .int()
    .min(0)
    .default(1024)
    .describe('Memory that stays with the hypervisor itself, in MB'),
  hypervisor_uplink: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,15}$/, { error: 'expected a device name such as eno1' })
    .optional()
    .describe(
      "The NIC that goes into the LAN's bridge; default the one that holds this host's address",
    ),
  hypervisor_nameservers: z
    .array(z.ipv4())
    .default([])
    .describe(
      "Name servers of the host when its NIC becomes the LAN's bridge; default: /etc/resolv.conf as it is",
    ),
  hypervisor_restart_networks: z
    .boolean()
    .default(false)
    .describe(
      'Let networks change that are in use: their VMs are cut off for a moment. Give it with -e',
    ),
})

export type Vars = z.output<typeof vars>
