import {
  ask,
  quote,
  resource,
  reveal,
  Secret,
  TaskError,
  type Common,
  type GuardOptions,
  type PlannedChange,
} from '../../lib/index.ts'
import {
  configFile,
  differences,
  drift,
  keyFile,
  parseRunning,
  parseWritten,
  routesOf,
  runningScript,
  unitOf,
  writtenScript,
} from './status.ts'
import type { KnownPeer } from './templates.ts'
import type { Tunnel } from './vpn.ts'

/** Shell text as one command, so that a resource and a probe ask the same question. */
const sh = (script: string): string => `sh -c ${quote(script)}`

/** The host's private key, which the host makes when it is missing. */
export const privateKey = resource({
  name: (o: Common & { readonly device: string }) => `key ${keyFile(o.device)}`,
  needs: o => ({ self: ask('path', keyFile(o.device)) }),
  plan({ device }, { self }) {
    const path = quote(keyFile(device))
    const factsAfter: PlannedChange['factsAfter'] = [
      [ask('path', keyFile(device)), { type: 'file', mode: '0600', owner: 'root', group: 'root' }],
    ]
    if (self === null)
      return [
        {
          what: 'make a private key',
          // mv -n: a key that appeared meanwhile stays.
          script: `umask 077; wg genkey >${path}.fmc-new; [ -s ${path}.fmc-new ]; sync -- ${path}.fmc-new
mv -nT -- ${path}.fmc-new ${path}; rm -f -- ${path}.fmc-new`,
          factsAfter,
        },
      ]
    if (self.type !== 'file')
      throw new TaskError(`${keyFile(device)} is a ${self.type}, not a file`)
    if (self.mode === '0600' && self.owner === 'root' && self.group === 'root') return []
    return [
      {
        what: `${self.mode} ${self.owner}:${self.group} → 0600 root:root`,
        script: `chown root:root -- ${path}; chmod 0600 -- ${path}`,
        factsAfter,
      },
    ]
  },
})

/**
 * Shell text that tries a candidate on an unused interface, without its port, which is taken: wg(8) must accept it. May
 * fail: ip link del, when no killed run has left the interface.
 */
const validation = (candidate: string): string => `d=$(mktemp -d /run/fmc-wireguard.XXXXXX)
trap ${quote(`rm -rf -- "$d" ${candidate}; ip link del dev fmc-check 2>/dev/null || :`)} EXIT
ln -s -- ${candidate} "$d/fmc-check.conf"
ip link del dev fmc-check 2>/dev/null || :
ip link add dev fmc-check type wireguard 2>/dev/null ||
  "\${WG_QUICK_USERSPACE_IMPLEMENTATION:-wireguard-go}" fmc-check >/dev/null 2>&1 ||
  { echo 'this kernel has no WireGuard' >&2; exit 69; }
wg-quick strip "$d/fmc-check.conf" | sed /^ListenPort/d | WG_ENDPOINT_RESOLUTION_RETRIES=2 wg setconf fmc-check /dev/stdin >&2 || { echo 'validation failed: wg does not accept the configuration' >&2; exit 65; }`

/** /etc/wireguard/DEVICE.conf, 0600. The host itself adds its private key. */
export const configuration = resource({
  name: (o: Common & { readonly device: string; readonly content: string | Secret }) =>
    `file ${configFile(o.device)}`,
  needs: o => ({ now: ask('command', sh(writtenScript(o.device))) }),
  plan({ device, content }, { now }) {
    const written = parseWritten(now)
    const found = written === undefined ? ['create'] : differences(written, reveal(content))
    if (found.length === 0) return []
    const candidate = quote(`${configFile(device)}.fmc-new`)
    const prepare = `umask 077; trap ${quote(`rm -f -- ${candidate}`)} EXIT; rm -f -- ${candidate}
k=$(cat ${quote(keyFile(device))}); set -C
printf %s ${quote(reveal(content))} | while IFS= read -r l; do
  printf '%s\\n' "$l"; [ "$l" != '[Interface]' ] || printf 'PrivateKey = %s\\n' "$k"
done >${candidate}
set +C
${validation(candidate)}
sync -- ${candidate}`
    return found.map((what, i) =>
      i > 0
        ? { what }
        : {
            what,
            prepare: content instanceof Secret ? new Secret(prepare, content.name) : prepare,
            script: `mv -fT -- ${candidate} ${quote(configFile(device))}`,
            factsAfter: [
              [
                ask('path', configFile(device)),
                { type: 'file', mode: '0600', owner: 'root', group: 'root' },
              ],
            ],
          },
    )
  },
})

/** Shell text that applies the file to the interface while its tunnels stay up. It sets the routes, which syncconf does not. */
export const reloadScript = (tunnel: Tunnel): string => {
  const { device } = tunnel
  const wanted = routesOf(tunnel).join(' ')
  return `systemctl reload -- ${quote(unitOf(device))}
ip -4 route show dev ${device} | while read -r to rest; do
  case " $rest " in *' proto kernel '*) continue ;; esac
  case $to in */*) ;; *) to=$to/32 ;; esac
  case ' ${wanted} ' in *" $to "*) ;; *) ip -4 route del "$to" dev ${device} ;; esac
done
for to in ${wanted}; do ip -4 route replace "$to" dev ${device}; done`
}

/**
 * Shell text that restarts the interface. It restores the peers' last endpoints, so that the host need not wait for them. May
 * fail: wg show, while there is no interface.
 */
export const restartScript = ({ device }: Pick<Tunnel, 'device'>): string =>
  `seen=$(wg show ${device} endpoints 2>/dev/null) || :
systemctl restart -- ${quote(unitOf(device))}
printf '%s\n' "$seen" | while read -r key end; do
  case $end in *:*) ;; *) continue ;; esac
  ! wg show ${device} endpoints | tr '\t' ' ' | grep -qxF "$key (none)" || wg set ${device} peer "$key" endpoint "$end"
done`

/** Options for `guarded`: how the host restores the old tunnel. Tunnels stay up if address and port are the old ones. */
export const guardOf = (device: string, seconds: number): GuardOptions => {
  const unit = quote(unitOf(device))
  return {
    seconds,
    files: [
      configFile(device),
      `/etc/systemd/system/multi-user.target.wants/${unitOf(device)}.service`,
    ],
    save: `if systemctl is-active -q ${unit}; then : >active; fi`,
    // May fail: stopping what does not run.
    undo: `said() { sed -n "s/^$1 = //p" ${configFile(device)}; }
if [ ! -e active ]; then
  systemctl stop ${unit} 2>/dev/null || ip link del dev ${device} 2>/dev/null || :
  systemctl reset-failed ${unit} 2>/dev/null || :
elif port=$(said ListenPort); ip -4 -o addr show dev ${device} | grep -qF " $(said Address) " && [ "\${port:-any}" = any -o "$(wg show ${device} listen-port)" = "$port" ]; then
  systemctl reload ${unit}
  wanted=$(wg show ${device} allowed-ips | cut -f 2 | tr ' ' '\n' | sort -t / -k 2 -nr)
  ip -4 route flush dev ${device} proto boot
  for to in $wanted; do
    [ -n "$(ip -4 route show dev ${device} match "$to")" ] || ip -4 route replace "$to" dev ${device}
  done
else
  systemctl restart ${unit}
fi`,
  }
}

/** Options of `networkInterface`. */
export interface InterfaceOptions extends Common {
  readonly tunnel: Tunnel
  readonly peers: readonly KnownPeer[]
  readonly mtu: number | undefined
  /** This run starts its unit. */
  readonly starting: boolean
}

/** The interface runs as its file says. Tunnels that need no change stay up. */
export const networkInterface = resource({
  name: (o: InterfaceOptions) => `interface ${o.tunnel.device}`,
  needs: ({ tunnel: { device } }) => ({
    now: ask('command', sh(runningScript(device))),
    written: ask('command', sh(writtenScript(device))),
  }),
  plan({ tunnel, peers, mtu, starting }, { now, written }) {
    const running = runningOf(tunnel.device, now)
    if (running === undefined)
      return starting
        ? []
        : [{ what: 'it is gone or down: restart', script: restartScript(tunnel) }]
    const publicKey = parseWritten(written)?.publicKey ?? ''
    const found = drift(tunnel, peers, { publicKey, mtu }, running)
    const how = found.some(f => f.restart) ? restartScript(tunnel) : reloadScript(tunnel)
    return found.map(({ what }, i) => (i > 0 ? { what } : { what, script: how }))
  },
})

/** The state in an answer of `runningScript`; undefined: no such interface, or no WireGuard on the host yet. */
export const runningOf = (device: string, answer: { code: number | null; stdout: string }) =>
  answer.code === 0 ? parseRunning(device, answer.stdout) : undefined
