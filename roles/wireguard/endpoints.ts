import { probe, service, timer } from '../../lib/index.ts'
import { configFile } from './status.ts'
import type { Tunnel } from './vpn.ts'

/** The timer's units. */
const NAME = 'fmc-wireguard-endpoints'

/** A handshake is renewed after 120 s; one older than this has failed at least once (REKEY_AFTER_TIME, REKEY_TIMEOUT in wireguard.com/papers/wireguard.pdf). */
const OLD_SECONDS = 135

/** Is an endpoint HOST:PORT a name, whose address may change? */
export const isName = (endpoint: string | undefined): boolean =>
  endpoint !== undefined && !/^[\d.]+:\d+$/.test(endpoint)

/**
 * Shell text that looks up again the endpoints that are names, of peers whose last handshake is old: WireGuard itself asks
 * the DNS only when it reads its configuration (wg(8), "Endpoint"). It does what reresolve-dns.sh of wireguard-tools does.
 */
export const lookUpScript = (device: string): string => `export WG_ENDPOINT_RESOLUTION_RETRIES=2
now=$(date +%s)
shaken=$(wg show ${device} latest-handshakes) || exit 0
key=
while read -r word _ value; do
  case $word in '[Peer]') key= ;; PublicKey) key=$value ;; esac
  [ "$word" = Endpoint ] && [ -n "$key" ] || continue
  case \${value%:*} in *[!0-9.]*) ;; *) continue ;; esac
  at=$(printf '%s\\n' "$shaken" | while read -r k at; do if [ "$k" = "$key" ]; then echo "$at"; fi; done)
  # In the future: the clock was ahead then, and the handshake may be of any age.
  [ -n "$at" ] && { [ $((now - at)) -gt ${OLD_SECONDS} ] || [ "$at" -gt $((now + ${OLD_SECONDS})) ]; } || continue
  wg set ${device} peer "$key" endpoint "$value" || echo "$value was not found" >&2
done <${configFile(device)}`

/** A timer looks up the peers' names every minute, if there are any. Without one, a timer of an earlier run ends. */
export async function endpointsFollow({ device, peers }: Tunnel): Promise<void> {
  if (peers.some(p => isName(p.endpoint))) {
    await timer(NAME, {
      calendar: 'minutely',
      command: lookUpScript(device),
      description: `New addresses of ${device}'s peers`,
      catchUp: false,
      timeoutSeconds: 50,
    })
    return
  }
  const there = await probe({
    estimate: false,
    whenNew: { code: 1 },
  })`test -e ${`/etc/systemd/system/${NAME}.timer`}`
  if (there.ok) await service(`${NAME}.timer`, { state: 'stopped', enabled: false })
}
