import {
  $,
  file,
  flush,
  gate,
  hosts,
  on,
  role,
  service,
  TaskError,
  waitFor,
  type Check,
  type Host,
} from '../../lib/index.ts'
import { interfaceOf } from '../shared/interface-of.ts'
import { portsAreFree } from '../shared/ports.ts'
import { k3sPorts } from '../shared/k3s/ports.ts'
import { presentHere, refusedAdoption } from '../shared/k3s/adoption.ts'
import { adviceOn } from '../shared/k3s/advice.ts'
import { agentHere } from '../shared/k3s/agent-state.ts'
import { noNode } from '../shared/k3s/forget.ts'
import { labelled, prepareSystem } from '../shared/k3s/el.ts'
import { install } from '../shared/k3s/install.ts'
import { labelsAndTaints } from '../shared/k3s/labels.ts'
import { kubeletReports } from '../shared/k3s/node-ready.ts'
import { CONFIG, PLATFORMS } from '../shared/k3s/platform.ts'
import { crashWatch } from '../shared/k3s/server-state.ts'
import { keepsEnding, notReady } from '../shared/k3s/serving.ts'
import { addressOf, nicOf, serverNamed, SERVERS, stateHere, survey } from '../shared/k3s/survey.ts'
import { agentConfig } from './config.ts'
import { plan, type AgentPlan } from './plan.ts'
import { releaseUnpinned } from '../shared/k3s/release-pin.ts'
import { vars } from './vars.ts'

export { neverJoined } from '../shared/k3s/agent-state.ts'

export default role({
  name: 'k3s-agent',
  summary: 'A K3s agent: joins with the agents’ token, keeps its labels and taints',
  vars,
  platforms: PLATFORMS,
  advise: releaseUnpinned,
  async tasks({ vars, host, platform }) {
    const todo = await waitFor(
      'a server is there to join',
      () => decide(host, vars.k3s_version),
      plan => plan.waitsFor,
      SOON,
    )
    const server = serverNamed(todo.via.name)
    await portsAreFree(...k3sPorts('agent'))
    const device = await interfaceOf(host, nicOf(host))

    if (todo.forget) await on(server, () => noNode({ node: host.name }))
    const notify = todo.restarts ? ['restart k3s-agent'] : []
    await prepareSystem('agent', platform, vars)
    await install({ kind: 'agent', platform, vars, notify })
    await file(CONFIG, {
      content: agentConfig(
        {
          ...{ name: host.name, address: addressOf(host), device, via: todo.seed, pin: todo.pin },
          selinux: platform.selinux,
        },
        vars,
      ),
      mode: '0600',
      notify,
    })
    await flush()
    await service('k3s-agent', { wait: false })

    await gate(
      `the node runs ${vars.k3s_version} and is Ready`,
      isReady(host, server, vars.k3s_version),
      LONG,
    )
    await on(server, () =>
      labelsAndTaints({
        node: host.name,
        labels: vars.k3s_node_labels,
        taints: vars.k3s_node_taints,
      }),
    )
  },
  handlers: {
    'label k3s': ({ platform }) => $`restorecon -F ${labelled('agent', platform.binary)}`,
    'restart k3s-agent': () =>
      $`case $(systemctl is-active k3s-agent.service) in active|activating|reloading) systemctl stop k3s-agent.service && systemctl --no-block start k3s-agent.service ;; esac`,
  },
})

const SOON = { timeoutSeconds: 30 }
const LONG = { timeoutSeconds: 300, everySeconds: 0.5 }

/** Decides from the state of the agent and of all servers. Throws TaskError with the reason when the agent must do nothing. */
async function decide(host: Host, version: string): Promise<AgentPlan> {
  const [found, own, present] = await Promise.all([survey(), agentHere(), presentHere()])
  const taken = refusedAdoption(present, { name: host.name, kind: 'agent' })
  if (taken) throw new TaskError(taken.why, { hint: taken.hint })
  const result = plan({
    self: host.name,
    address: addressOf(host),
    servers: hosts(SERVERS).map(h => ({ name: h.name, address: addressOf(h) })),
    found,
    own,
    trusts: present.ca,
    version,
  })
  if (typeof result === 'string') throw new TaskError(result)
  return result
}

/** The Node is Ready, by a report of the kubelet that runs now. An agent that keeps crashing ends the wait. */
function isReady(host: Host, server: Host, version: string): Check {
  const crashes = crashWatch()
  return async () => {
    const { unit, said } = await agentHere()
    if (crashes(unit)) throw keepsEnding('k3s-agent', unit, said)
    if (unit.active !== 'active') return `k3s-agent.service is ${unit.active}`
    const why = notReady(await on(server, stateHere), host.name, version)
    if (why === undefined) return kubeletReports(host, server)
    return said === '' ? why : `${why}: ${said}: ${adviceOn(said, 'k3s-agent')}`
  }
}
