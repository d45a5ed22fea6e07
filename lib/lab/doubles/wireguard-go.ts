import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { labCache } from '../paths.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { exec } from '../exec.ts'
import { golang } from './golang.ts'
import { once } from '../images/cached.ts'
import type { LabArtifact, LabState } from '../state.ts'

/** Its name among LabState.artifacts. */
export const WIREGUARD = 'wireguard-go'
const VERSION = 'v0.0.0-20260522210424-ecfc5a8d5446'

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

/**
 * WireGuard in userland for machines that share a kernel without it, built with Go once; nothing where the kernel has
 * WireGuard. Where it cannot be built, the role that needs it is left out.
 */
export const wireguardGo = async (options: {
  readonly yes: boolean
  readonly log: (text: string) => void
}): Promise<Pick<LabState, 'artifacts' | 'skippedRoles'>> => {
  if (await kernelHasWireguard()) return { artifacts: {}, skippedRoles: [] }
  try {
    const dir = labCache(`${WIREGUARD}-${VERSION.slice(-12)}`)
    await once(dir, target => build(target, options))
    return { artifacts: { [WIREGUARD]: artifactAt(join(dir, WIREGUARD)) }, skippedRoles: [] }
  } catch (error) {
    const why = `this kernel has no WireGuard and wireguard-go cannot be built: ${String(error).split('\n').slice(0, 4).join(' ')}`
    options.log(why)
    return { artifacts: {}, skippedRoles: [{ role: 'wireguard', why }] }
  }
}

const artifactAt = (path: string): LabArtifact => ({
  version: VERSION,
  sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
  path,
})

const build = async (
  target: string,
  options: { readonly yes: boolean; readonly log: (text: string) => void },
): Promise<void> => {
  const { command, env } = await golang(options)
  options.log('building wireguard-go with Go (once; a minute)')
  await exec([command, 'install', `golang.zx2c4.com/wireguard@${VERSION}`], {
    env: { ...env, GOBIN: target, CGO_ENABLED: '0', GOFLAGS: '-trimpath -ldflags=-s' },
  })
  renameSync(join(target, 'wireguard'), join(target, WIREGUARD))
}

/** nspawn's option that binds the program to where wg-quick(8) looks for it; the image has an empty file there. */
export const wireguardBind = (file: string | undefined): string[] =>
  file !== undefined && existsSync(file) ? [`--bind-ro=${file}:/usr/bin/${WIREGUARD}`] : []
