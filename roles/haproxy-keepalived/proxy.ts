import { probe } from '../../lib/index.ts'
import type { Balanced } from './balancing.ts'

/**
 * Prints the backends that serve HTTP(S) but do not understand a connection that begins with a PROXY header, as
 * curl(1) --haproxy-protocol sends it: they answer 400, or the handshake fails. A backend that does not answer at all
 * (7: refused, 28: no answer) serves no clients, so the change cannot disturb any.
 */
const TRY = String.raw`for b in "$@"; do (
  for s in http https; do
    code=$(curl -q --noproxy '*' -sk -o /dev/null -m 2 --haproxy-protocol -w '%{http_code}' "$s://$b/") && e=0 || e=$?
    case $e in 7|28) exit;; 0) [ "$code" = 400 ] || exit;; esac
  done
  echo "$b"
) & done; wait`

/** true, or which backends do not understand the PROXY protocol. Ask before haproxy starts to speak it. */
export async function understood(balanced: readonly Balanced[]): Promise<true | string> {
  const backends = balanced
    .filter(vip => vip.proxyProtocol)
    .flatMap(vip => vip.backendPorts.flatMap(port => vip.servers.map(s => `${s.address}:${port}`)))
  if (backends.length === 0) return true
  const { stdout } = await probe`sh -c ${TRY} sh ${backends}`
  const deaf = stdout.split('\n').filter(Boolean).sort()
  return (
    deaf.length === 0 ||
    `${deaf.join(', ')} would not understand the PROXY protocol: configure what runs there first (Traefik: fmc play site --tags ingress)`
  )
}
