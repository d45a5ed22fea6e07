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
    .describe('Run VMs without hardware virtualization, ten to fifty times slower'),
  hypervisor_overcommit: z
    .boolean()
    .default(false)
    .describe('Accept VMs that together need more memory, processors or disk than the host has'),
  hypervisor_reserved_mb: z
    .int()
    .min(0)
    .default(1024)
    .describe('Memory in MB to reserve for the hypervisor itself'),
  hypervisor_uplink: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,15}$/, { error: 'expected a device name such as eno1' })
    .optional()
    .describe("NIC to put into the LAN's bridge; default the one that has this host's address"),
  hypervisor_nameservers: z
    .array(z.ipv4())
    .default([])
    .describe(
      "Name servers to configure on the LAN's bridge; default none: /etc/resolv.conf stays as it is",
    ),
  hypervisor_guard_seconds: z
    .int()
    .min(5)
    .max(600)
    .default(60)
    .describe(
      "The host itself undoes a change of the LAN's bridge unless fmc can connect again within so many seconds",
    ),
  hypervisor_restart_networks: z
    .boolean()
    .default(false)
    .describe(
      'Allow changes of networks in use, which cut off their VMs for a moment. Give it with -e',
    ),
  hypervisor_boot_seconds: z
    .int()
    .min(1)
    .default(300)
    .describe('Seconds that a VM may take from power-on until it answers over SSH'),
  hypervisor_shutdown_seconds: z
    .int()
    .min(10)
    .default(300)
    .describe('Seconds that the VMs may take to shut down when this host does'),
  hypervisor_recreate: z
    .array(z.string())
    .default([])
    .describe(
      'VMs to recreate in this run: the root disk is deleted, data disks stay. Give it with -e',
    ),
  hypervisor_authorized_keys: z
    .array(
      z.string().regex(/^(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/]+=*( |$)/, {
        error: 'expected a public key such as ssh-ed25519 AAAA… me@here',
      }),
    )
    .optional()
    .describe(
      'Public SSH keys that may log in to new VMs; default the keys of the user who runs fmc: of ssh identity_file, else ~/.ssh/id_ed25519.pub, id_ecdsa.pub and id_rsa.pub',
    ),
  hypervisor_dns_servers: z
    .string()
    .optional()
    .describe(
      'Pattern of the hosts that serve DNS to the VMs; default the groups infra and ipa_servers',
    ),
  hypervisor_dns_upstreams: z
    .array(z.ipv4())
    .default(['1.1.1.1', '9.9.9.9'])
    .describe(
      'DNS servers for these hosts themselves, and for all VMs where there are no such hosts',
    ),
})

export type Vars = z.output<typeof vars>
