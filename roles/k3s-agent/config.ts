import type { Secret } from '../../lib/index.ts'
import { registeredLabels } from '../shared/k3s/labels.ts'
import { pinned } from '../shared/k3s/token.ts'
import { configYaml } from '../shared/k3s/config-yaml.ts'
import type { AgentVars } from './vars.ts'

export interface AgentConfig {
  readonly name: string
  readonly address: string
  /** The interface that carries it; undefined: K3s takes that of the default route. */
  readonly device?: string | undefined
  /** Address of the server to register with. Once registered, the agent itself balances over all servers. */
  readonly via: string
  /** SELinux confines the containers of this host. */
  readonly selinux?: boolean | undefined
  /** Hash of the certificate authority that the token trusts. */
  readonly pin: string | undefined
}

/** config.yaml of an agent (docs.k3s.io/cli/agent). It never contains the servers' token. */
export const agentConfig = (c: AgentConfig, vars: AgentVars): Secret =>
  configYaml({
    'flannel-iface': c.device,
    'node-ip': c.address,
    'node-label': registeredLabels(vars.k3s_node_labels),
    'node-name': c.name,
    'node-taint': [...vars.k3s_node_taints].sort(),
    selinux: c.selinux ? true : undefined,
    server: `https://${c.via}:6443`,
    token: pinned(vars.k3s_agent_token, 'node', c.pin),
  })
