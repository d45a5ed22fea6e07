import type { Guest, GuestKeys } from './guest.ts'

/** The three files of a NoCloud disk (cloud-init's documentation, "NoCloud"), in JSON, which is unambiguous YAML. */
export interface CloudInit {
  readonly 'user-data': string
  readonly 'meta-data': string
  readonly 'network-config': string
}

/** `instance` stays the same for the machine's life: cloud-init runs once per instance. */
export const cloudInit = (guest: Guest, keys: GuestKeys, instance: string): CloudInit => ({
  'user-data': `#cloud-config\n${json(userData(guest, keys))}`,
  'meta-data': json({ 'instance-id': instance, 'local-hostname': guest.name }),
  'network-config': json(networkConfig(guest)),
})

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const userData = ({ name, domain, user }: Guest, keys: GuestKeys): unknown => ({
  hostname: name,
  fqdn: `${name}.${domain}`,
  prefer_fqdn_over_hostname: false,
  // A line for its own name: without DNS, sudo would wait for a time-out.
  manage_etc_hosts: 'localhost',
  ssh_pwauth: false,
  disable_root: user !== 'root',
  ssh_deletekeys: true,
  ssh_keys: { ed25519_private: keys.private, ed25519_public: keys.public },
  users: [
    {
      name: user,
      lock_passwd: true,
      ssh_authorized_keys: keys.authorized,
      ...(user === 'root' ? {} : { shell: '/bin/bash', sudo: 'ALL=(ALL) NOPASSWD:ALL' }),
    },
  ],
})

const networkConfig = ({ nics, dns, domain }: Guest): unknown => ({
  version: 2,
  ethernets: Object.fromEntries(
    nics.map(nic => [
      nic.device,
      {
        match: { macaddress: nic.mac },
        'set-name': nic.device,
        dhcp4: false,
        addresses: [nic.address],
        ...(nic.gateway === undefined ? {} : { gateway4: nic.gateway }),
        ...(nic.routes.length === 0 ? {} : { routes: nic.routes }),
        nameservers: { addresses: dns, search: [domain] },
      },
    ]),
  ),
})
