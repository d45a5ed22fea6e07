import type { Guest, GuestKeys, GuestNic } from './guest.ts'

/**
 * A machine's Ignition configuration (specification 3.3.0, which Flatcar reads since 3185), ending with a newline: name,
 * network and keys. It turns off Flatcar's own updates and reboots from the first boot.
 */
export function ignition(guest: Guest, keys: GuestKeys): string {
  const files = [
    file('/etc/hostname', `${guest.name}\n`),
    file('/etc/ssh/ssh_host_ed25519_key', keys.private, 0o600),
    file('/etc/ssh/ssh_host_ed25519_key.pub', `${keys.public}\n`),
    ...guest.nics.map(nic =>
      file(`/etc/systemd/network/10-${nic.device}.network`, networkFile(nic, guest)),
    ),
    // The same text as in the role flatcar-update.
    file('/etc/flatcar/update.conf', 'GROUP=stable\nREBOOT_STRATEGY=off\nSERVER=disabled\n'),
    ...(guest.user === 'core'
      ? []
      : [file('/etc/sudoers.d/fmc', `${guest.user} ALL=(ALL) NOPASSWD:ALL\n`, 0o440)]),
  ]
  const config = {
    ignition: { version: '3.3.0' },
    passwd: { users: [{ name: guest.user, sshAuthorizedKeys: keys.authorized }] },
    storage: { files },
    systemd: { units: [{ name: 'locksmithd.service', mask: true }] },
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

const file = (path: string, text: string, mode = 0o644): unknown => ({
  path,
  mode,
  overwrite: true,
  contents: { source: `data:;base64,${Buffer.from(text).toString('base64')}` },
})

/** systemd.network(5) */
const networkFile = (nic: GuestNic, { dns, domain }: Guest): string =>
  [
    '# Written by fmc before the first boot',
    '[Match]',
    `MACAddress=${nic.mac}`,
    '',
    '[Network]',
    'DHCP=no',
    'LinkLocalAddressing=ipv6',
    `Address=${nic.address}`,
    ...(nic.gateway === undefined ? [] : [`Gateway=${nic.gateway}`]),
    ...dns.map(address => `DNS=${address}`),
    `Domains=${domain}`,
    ...nic.routes.flatMap(r => ['', '[Route]', `Destination=${r.to}`, `Gateway=${r.via}`]),
    '',
  ].join('\n')
