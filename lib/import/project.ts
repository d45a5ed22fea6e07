/** Projects that fmc knows: what their groups and variables mean. */
import type { AnsibleInventory } from './model.ts'

export const PROJECTS = ['k3s-ansible', 'kubespray', 'plain'] as const
/** plain: none of them. */
export type Project = (typeof PROJECTS)[number]

const SERVERS: Readonly<Record<Exclude<Project, 'plain'>, readonly string[]>> = {
  'k3s-ansible': ['server', 'master'],
  kubespray: ['kube_control_plane', 'kube-controlplane', 'kube-master', 'kube_master'],
}
const AGENTS: typeof SERVERS = {
  'k3s-ansible': ['agent', 'node'],
  kubespray: ['kube_node', 'kube-node'],
}
const CLUSTERS: typeof SERVERS = {
  'k3s-ansible': ['k3s_cluster'],
  kubespray: ['k8s_cluster', 'k8s-cluster'],
}

/** Which project's inventory this is, by its groups. */
export function guessProject({ groups }: AnsibleInventory): Project {
  const has = (names: readonly string[]): boolean => names.some(name => groups.has(name))
  if (has(SERVERS.kubespray) && has(AGENTS.kubespray)) return 'kubespray'
  const isK3s = has(CLUSTERS['k3s-ansible']) && has(SERVERS['k3s-ansible'])
  return isK3s ? 'k3s-ansible' : 'plain'
}

/** The groups of a project that have a counterpart in fmc. */
export interface ProjectGroups {
  readonly servers: string | undefined
  readonly agents: string | undefined
  readonly cluster: string | undefined
}

export function projectGroups({ groups }: AnsibleInventory, project: Project): ProjectGroups {
  if (project === 'plain') return { servers: undefined, agents: undefined, cluster: undefined }
  const find = (names: readonly string[]): string | undefined => names.find(n => groups.has(n))
  return {
    servers: find(SERVERS[project]),
    agents: find(AGENTS[project]),
    cluster: find(CLUSTERS[project]),
  }
}

/** Variables of a project → those of fmc's K3s roles. */
export const PROJECT_VARIABLES: Readonly<Record<Project, Readonly<Record<string, string>>>> = {
  plain: {},
  'k3s-ansible': {
    token: 'k3s_token',
    k3s_token: 'k3s_token',
    k3s_version: 'k3s_version',
    cluster_cidr: 'k3s_cluster_cidr',
    service_cidr: 'k3s_service_cidr',
  },
  kubespray: {
    kube_pods_subnet: 'k3s_cluster_cidr',
    kube_service_addresses: 'k3s_service_cidr',
    cluster_name: 'k3s_cluster_domain',
  },
}

/** Variables that hold options of `k3s server`, of `k3s agent`, and of both. */
export const ARGUMENT_VARIABLES = {
  servers: ['extra_args', 'extra_server_args', 'server_config_yaml'],
  agents: ['extra_args', 'extra_agent_args', 'agent_config_yaml'],
} as const

/** Variables that hold the address at which clients reach the API. */
export const ENDPOINT_VARIABLES = [
  'api_endpoint',
  'apiserver_endpoint',
  'kube_vip_address',
] as const

/** Variables that hold a time zone. */
export const TIMEZONE_VARIABLES = ['system_timezone', 'timezone', 'ntp_timezone', 'tz'] as const

/**
 * Kubespray's playbooks make the group k8s_cluster when the inventory has none; its variables count all the same. The group
 * holds the hosts, so that no other group's place in Ansible's order changes.
 */
export function addKubesprayCluster(inventory: AnsibleInventory): void {
  const { servers, agents, cluster } = projectGroups(inventory, 'kubespray')
  if (cluster !== undefined) return
  const place = inventory.groups.get(servers ?? '') ?? inventory.groups.get('all')
  if (place === undefined) return
  const group = inventory.group('k8s_cluster', place)
  for (const name of [servers, agents, 'calico_rr'])
    for (const host of membersOf(inventory, name ?? '')) group.hosts.add(host)
  inventory.remark(
    place,
    'k8s_cluster',
    "added, as Kubespray's playbooks do: its hosts are those of the control plane and the nodes",
  )
}

/** The hosts of a group, also through its children. */
export function membersOf({ groups }: AnsibleInventory, name: string): ReadonlySet<string> {
  const members = new Set<string>()
  const seen = new Set<string>()
  const visit = (group: string): void => {
    if (seen.has(group)) return
    seen.add(group)
    for (const host of groups.get(group)?.hosts ?? []) members.add(host)
    for (const child of groups.get(group)?.children ?? []) visit(child)
  }
  visit(name)
  return members
}
