import { probe, TaskError, type Host, type Secret } from '../../lib/index.ts'
import type { Port } from '../shared/ports.ts'
import { KEY, publicKeyOf } from './keys.ts'
import { configFile, keyFile } from './status.ts'

/** Prints the public key of a configuration that fmc has not written (`-`: it has none), and that of the key file. */
export const foreignScript = (device: string): string => `f=${configFile(device)}
[ -s $f ] && ! head -n 3 $f | grep -q '^# Managed by fmc' || exit 0
k=$(sed -nE 's/^[[:space:]]*[Pp]rivate[Kk]ey[[:space:]]*=[[:space:]]*//p' $f | head -n 1 | wg pubkey 2>/dev/null)
echo "\${k:--} $(wg pubkey <${keyFile(device)} 2>/dev/null)"`

/** Why the role must not replace a configuration of somebody else; undefined: it may. `own`: the declared private key. */
export function refusedTakeover(
  { host, device }: { readonly host: string; readonly device: string },
  answer: string,
  own: Secret | undefined,
): TaskError | undefined {
  const [theirs, file] = answer.trim().split(' ')
  if (!theirs) return undefined
  if (KEY.test(theirs) && theirs === (own === undefined ? file : publicKeyOf(own))) return undefined
  const [conf, key] = [configFile(device), keyFile(device)]
  return new TaskError(
    `${conf} is somebody else's, with a key of its own: with another key fmc would cut off its peers`,
    {
      hint: `declare its peers in wireguard_peers and keep its key: fmc run ${host} -- "umask 077; sed -nE 's/^[[:space:]]*[Pp]rivate[Kk]ey[[:space:]]*=[[:space:]]*//p' ${conf} >${key}"   # or give this VPN another device: device: wg1 of its NIC`,
    },
  )
}

/** Changes nothing. Throws TaskError if the device has a configuration of somebody else with another key. */
export async function notForeign(
  host: Host,
  device: string,
  own: Secret | undefined,
): Promise<void> {
  const { stdout } = await probe({ estimate: false, whenNew: '' })`sh -c ${foreignScript(device)}`
  const refused = refusedTakeover({ host: host.name, device }, stdout, own)
  if (refused) throw refused
}

/**
 * The port of a tunnel. WireGuard listens in the kernel, whose sockets have no process, or in a program where the kernel
 * has none (wireguard.com/xplatform).
 */
export const tunnelPort = (port: number): Port => ({
  service: 'WireGuard',
  port,
  protocol: 'udp',
  addresses: 'any',
  owners: ['unknown', 'wireguard-go ', 'boringtun'],
})
