import { ask, probe, quote, resource, service, unit, type Common } from '../../../lib/index.ts'

/** A bridge whose packets this host routes. */
export interface Routed {
  readonly bridge: string
  /** In a network of mode `nat` libvirt rejects connections from outside. That stays. */
  readonly mode: 'open' | 'nat'
}

const NAME = 'fmc-forward'
/** The unit that adds the rules. */
export const FORWARD = `${NAME}.service`
const UNIT_FILE = `/etc/systemd/system/${NAME}.service`

/** The chain of these rules: RETURN in it goes on in the chain that asks it, as it does not in a built-in one (iptables(8)). */
const CHAIN = 'FMC-FORWARD'

/** For each variant of iptables that has rules. To ask the legacy one loads its modules, so it is not asked before they are. */
export const EACH = `for b in iptables iptables-legacy; do
  command -v $b >/dev/null || continue
  case $($b -V) in *legacy*) grep -qsx filter /proc/net/ip_tables_names || continue ;; esac`

/** Docker sets this policy when it starts (docs.docker.com/engine/network/packet-filtering-firewalls), ufw too. */
const DROPS = `${EACH}
  $b -w -S FORWARD 2>/dev/null | grep -qxF -- '-P FORWARD DROP' && exit 0
done
[ -e ${UNIT_FILE} ]`

/**
 * Shell text with which iptables accepts what the open networks send and get; with \`check\` it only looks whether it does.
 * The rules are in a chain of their own, made again each time. Docker leaves DOCKER-USER to others and asks it first; without
 * that chain FORWARD asks it first. The role firewall filters in a table of its own, which a packet has to pass as well.
 */
export const acceptScript = (routed: readonly Routed[], check = false): string => {
  const bridges = (mode: Routed['mode']) => routed.filter(r => r.mode === mode).map(r => r.bridge)
  const rules = [
    ...bridges('nat').map(b => `-o ${quote(b)} -j RETURN`),
    ...bridges('open').flatMap(b => [`-o ${quote(b)} -j ACCEPT`, `-i ${quote(b)} -j ACCEPT`]),
  ]
  const whole = [`-N ${CHAIN}`, ...rules.map(rule => `-A ${CHAIN} ${rule}`)].join('\n')
  const made = check
    ? `  [ "$($b -w -S ${CHAIN} 2>/dev/null)" = ${quote(whole)} ] && $b -w -C $chain -j ${CHAIN} 2>/dev/null || exit 1`
    : `  $b -w -N ${CHAIN} 2>/dev/null || $b -w -F ${CHAIN} || exit
${rules.map(rule => `  $b -w -A ${CHAIN} ${rule} || exit`).join('\n')}
  $b -w -C $chain -j ${CHAIN} 2>/dev/null || $b -w -I $chain -j ${CHAIN} || exit`
  return `${EACH}
  $b -w -S FORWARD 2>/dev/null | grep -qxF -- '-P FORWARD DROP' || continue
  chain=DOCKER-USER; $b -w -S $chain >/dev/null 2>&1 || chain=FORWARD
${made}
done`
}

/** A text inside the double quotes of a systemd command line (systemd.service(5), "Command lines"). */
const quotedForSystemd = (text: string): string =>
  text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')

/** Runs again whenever Docker or ufw starts, which may replace the rules. */
export const forwardUnit = (routed: readonly Routed[]): string => `# Managed by fmc
[Unit]
Description=Packets of the networks that this hypervisor routes
After=docker.service ufw.service netfilter-persistent.service
PartOf=docker.service ufw.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "${quotedForSystemd(acceptScript(routed))}"

[Install]
WantedBy=multi-user.target docker.service ufw.service
`

const present = resource({
  name: (_: Common & { readonly routed: readonly Routed[] }) => 'iptables accepts routed packets',
  needs: ({ routed }) => ({ now: ask('command', acceptScript(routed, true)) }),
  plan: ({ routed }, { now }) =>
    now.code === 0
      ? []
      : [
          {
            what: 'add the rules again',
            script: `systemctl restart ${NAME}.service`,
            factsAfter: [
              [ask('command', acceptScript(routed, true)), { code: 0, stdout: '', stderr: '' }],
            ],
          },
        ],
})

/** If iptables drops what this host forwards, it accepts the packets of these networks, now and after a boot. */
export async function packetsAccepted(routed: readonly Routed[], notify: string): Promise<void> {
  if (!routed.some(r => r.mode === 'open')) return
  const { ok } = await probe({ estimate: false, whenNew: { code: 1 } })`sh -c ${DROPS}`
  if (!ok) return
  const written = await unit(`${NAME}.service`, { content: forwardUnit(routed), notify })
  const started = await service(NAME)
  if (!written.changed && !started.changed) await present({ routed })
}
