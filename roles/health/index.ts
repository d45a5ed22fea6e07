import { observe, role, vips } from '../../lib/index.ts'
import { balancerState as balancerHere, type BalancerState } from '../haproxy-keepalived/index.ts'
import { drainedHere } from '../shared/haproxy-admin.ts'
import { serverHealth, type ServerHealth } from './cluster.ts'
import { hostState, type HostState } from './host.ts'
import { vipAnswers, type Answers } from './network.ts'
import { PLATFORMS } from './platform.ts'
import { vars, type HealthVars } from './vars.ts'

export default role({
  name: 'health',
  summary: 'Looks at everything and changes nothing; the playbook health turns it into a page',
  vars,
  platforms: PLATFORMS,
  async tasks({ vars, host, platform }) {
    const inGroup = (group: string): boolean => host.groups.includes(group)
    const balances = vips(host).length > 0
    const [state, server, balancer, drained, answers] = await Promise.all([
      hostState(host.groups.flatMap(group => platform.units[group] ?? [])),
      inGroup('k3s_servers') ? serverHealth(vars.health_pod_seconds) : undefined,
      balances ? balancerHere() : undefined,
      balances ? drainedHere(host) : [],
      OUTSIDE.some(inGroup) ? vipAnswers() : {},
    ])
    observe({ host: state, server, balancer, drained, answers, vars } satisfies Seen)
  },
})

/** Groups whose hosts ask the VIPs from outside of the balancers. */
const OUTSIDE = ['infra', 'ipa_servers', 'k3s_agents', 'databases']

/** Everything that one host reports. */
export interface Seen {
  readonly host: HostState
  readonly server: ServerHealth | undefined
  readonly balancer: BalancerState | undefined
  /** Servers that this balancer sends no new connections, as BACKEND/SERVER. */
  readonly drained?: readonly string[] | undefined
  readonly answers: Answers
  readonly vars: HealthVars
}
