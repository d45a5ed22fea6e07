import { existsSync } from 'node:fs'
import type { Host, Inventory } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import type { LabState } from '../state.ts'
import { fromPackage } from './from-package.ts'

/** Its name among LabState.artifacts. */
export const WIREGUARD = 'wireguard-go'

/** Whether a host is in a VPN. */
export const inVpn = ({ networks }: Pick<Inventory, 'networks'>, host: Host): boolean =>
  [...networks.values()].some(
    network =>
      network.mode === 'wireguard' &&
      (network.router === host.name || host.nics.some(nic => nic.network === network.name)),
  )

/** Tries it, in a namespace that ends with the command. */
const kernelHasWireguard = async (): Promise<boolean> => {
  const argv = ['unshare', '-n', 'ip', 'link', 'add', 'wg0', 'type', 'wireguard']
  return (await exec(argv, { allowFailure: true })).code === 0
}

/** WireGuard in userland for machines that share a kernel without it, Debian's; nothing where the kernel has WireGuard. */
export const wireguardGo = async (mirror: string): Promise<LabState['artifacts']> =>
  (await kernelHasWireguard())
    ? {}
    : { [WIREGUARD]: await fromPackage(mirror, WIREGUARD, WIREGUARD) }

/** nspawn's option that binds the program to where wg-quick(8) looks for it; the image has an empty file there. */
export const wireguardBind = (file: string | undefined): string[] =>
  file !== undefined && existsSync(file) ? [`--bind-ro=${file}:/usr/bin/${WIREGUARD}`] : []
