import {
  $,
  directory,
  file,
  flush,
  gate,
  hosts,
  on,
  packages,
  probe,
  role,
  service,
  sysctl,
  vips,
  type Host,
} from '../../lib/index.ts'
import { notForeign } from '../shared/foreign-files.ts'
import { adminSocket } from '../shared/platform.ts'
import { OWN_CURL_WORDS } from '../shared/curl.ts'
import { interfaceOf } from '../shared/interface-of.ts'
import { portsAreFree, type Port } from '../shared/ports.ts'
import { firewalldOpen } from '../shared/firewalld/open.ts'
import { balancedBy, type Balanced } from './balancing.ts'
import { oneHolderEach } from './holder.ts'
import { PLATFORMS } from './platform.ts'
import { understood } from './proxy.ts'
import { selinuxBoolean } from './selinux.ts'
import { balancerStates, holdersOf, holdersUnawareOf } from './state.ts'
import {
  CHECK_SCRIPT,
  KEEPALIVED_CONF,
  checkScript,
  haproxyCfg,
  keepalivedConf,
  type HaproxyCfg,
} from './templates.ts'
import { vars, type BalancerVars } from './vars.ts'

export { holdersLast, oneVipHolder, vipsStay } from './holder.ts'
export { balancerState, type BalancerState } from './state.ts'

export default role({
  name: 'haproxy-keepalived',
  summary:
    'Load balancers: haproxy serves every VIP of the inventory, keepalived lets one balancer hold it',
  vars,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    const balanced = await onThisHost(host, balancedBy(host, vips(host), hosts))
    const cfg = haproxyCfg(balanced, vars, adminSocket(host))
    await notForeign({
      service: 'this balancer',
      paths: ['/etc/haproxy/haproxy.cfg', KEEPALIVED_CONF],
      instead: 'declare what it serves under vips in the inventory',
    })
    await portsAreFree(...portsOf(balanced, vars))

    await packages(...platform.packages)
    // haproxy binds VIPs that another balancer holds. `haproxy -c` binds nothing, so it does not notice a failure.
    await sysctl('net.ipv4.ip_nonlocal_bind', 1)
    if (platform.selinux) await selinuxBoolean('haproxy_connect_any')
    // Before keepalived: two balancers that do not hear each other would hold the same address.
    if (platform.firewalld) await firewalldOpen(...openings(balanced))

    if (balanced.some(vip => vip.proxyProtocol))
      await gate('the backends understand the PROXY protocol', () => understood(balanced), {
        timeoutSeconds: 180,
      })
    await file('/etc/haproxy/haproxy.cfg', {
      content: cfg.text,
      mode: '0640',
      validate: checkHaproxy,
      notify: 'reload haproxy',
    })
    await directory(SCRIPTS)
    await file(CHECK_SCRIPT, {
      content: checkScript(vars),
      mode: '0755',
      notify: platform.selinux ? 'label the check' : [],
    })
    await gate('the holder of each VIP knows this balancer', () => isKnown(host), {
      timeoutSeconds: 10,
    })
    await file(KEEPALIVED_CONF, {
      content: keepalivedConf(host.name, balanced, vars),
      mode: '0600',
      validate: checkKeepalived,
      notify: 'reload keepalived',
    })
    await flush()
    await service('haproxy')
    await service('keepalived')

    await gate('haproxy runs this configuration', () => runs(cfg, vars), { timeoutSeconds: 30 })
    await gate('exactly one balancer holds each VIP', async () =>
      oneHolderEach(vips(host), await balancerStates(vips(host))),
    )
    await gate('haproxy answers on every VIP', () => vipsAnswer(host))
  },
  handlers: {
    'label the check': () => $`restorecon -RF ${SCRIPTS}`,
    'reload haproxy': () => $`systemctl try-reload-or-restart haproxy`,
    'reload keepalived': () => $`systemctl try-reload-or-restart keepalived`,
  },
})

/** keepalived runs no script that others than root could replace (enable_script_security). */
const SCRIPTS = '/usr/libexec/keepalived'

/** With the interfaces as they are on the host: VRRP runs on the one that carries the balancer's own address. */
const onThisHost = (
  { name, nics }: Host,
  balanced: readonly Balanced[],
): Promise<readonly Balanced[]> =>
  Promise.all(
    balanced.map(async vip => {
      const nic = nics.find(n => n.address === vip.source)
      return nic ? { ...vip, device: await interfaceOf({ name, nics }, nic) } : vip
    }),
  )

/** What haproxy listens on. `haproxy -c` binds nothing, so it does not notice that somebody else does. */
const portsOf = (balanced: readonly Balanced[], vars: BalancerVars): readonly Port[] => {
  const haproxy = { service: 'haproxy', protocol: 'tcp', owners: ['haproxy '] } as const
  return [
    ...balanced.flatMap(({ address, ports }) =>
      ports.map((port): Port => ({ ...haproxy, port, addresses: [address] })),
    ),
    {
      ...haproxy,
      port: vars.haproxy_health_port,
      addresses: ['127.0.0.1'],
      variable: 'haproxy_health_port',
    },
  ]
}

/** What the balancer's firewall must let in. */
const openings = (balanced: readonly Balanced[]): readonly string[] => [
  'vrrp',
  ...new Set(balanced.flatMap(vip => vip.ports.map(port => `${port}/tcp`))),
]

/** true when every holder sends its advertisements to this balancer. Otherwise two balancers would hold the same VIP. */
async function isKnown(balancer: Host): Promise<boolean | string> {
  const unaware = await holdersUnawareOf(balancer, vips(balancer))
  if (unaware.length === 0) return true
  const names = unaware.join(', ')
  return `${names} does not send its advertisements to ${balancer.name} yet: run the play for all balancers, or for ${names} first`
}

/** A warning, such as a missing timeout, is an error here. haproxy itself accepts it. */
const checkHaproxy = (candidate: string): string =>
  `o=$(haproxy -c -f ${candidate} 2>&1); c=$?; printf '%s\\n' "$o"; [ $c = 0 ] && ! printf '%s' "$o" | grep -qi warning`

/** keepalived(8) -t accepts a file that is missing or empty. */
const checkKeepalived = (candidate: string): string =>
  `test -s ${candidate} && keepalived -t -f ${candidate}`

/** true when haproxy runs this configuration. After a failed reload the old process keeps serving; only the digest in its answer shows that. */
async function runs(cfg: HaproxyCfg, vars: BalancerVars): Promise<boolean | string> {
  const port = vars.haproxy_health_port
  const answer = await probe`${OWN_CURL_WORDS} -fsS -m 1 http://127.0.0.1:${port}/config`
  if (answer.stdout.trim() === cfg.digest) return true
  if (answer.exitCode !== 0)
    return `haproxy does not answer on 127.0.0.1:${port}; see journalctl -u haproxy`
  return 'haproxy still runs an older configuration: its reload failed; see journalctl -u haproxy'
}

/** true when every VIP's holder accepts connections on all its ports, whether or not a backend serves them. */
async function vipsAnswer(balancer: Host): Promise<boolean | string> {
  const mine = vips(balancer)
  const states = await balancerStates(mine)
  const silent = await Promise.all(
    mine.map(async vip => {
      const holder = hosts(vip.balancers).find(h => holdersOf(vip, states).includes(h.name))
      if (!holder) return [`${vip.name}: no holder`]
      const closed = await on(holder, () => closedPorts(vip.address, vip.ports))
      return closed.map(
        port => `${vip.name}: ${holder.name} does not accept connections on ${vip.address}:${port}`,
      )
    }),
  )
  return silent.flat().length === 0 || silent.flat().join('; ')
}

async function closedPorts(address: string, ports: readonly number[]): Promise<readonly string[]> {
  const { stdout } =
    await probe`for p in ${ports}; do timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' ${address} "$p" 2>/dev/null || echo "$p"; done`
  return stdout.split('\n').filter(Boolean)
}
