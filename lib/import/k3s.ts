/** What k3s-ansible's and Kubespray's inventories become in fmc: groups, variables and a VIP of K3s. */
import { formatIpv4, parseIpv4 } from '../inventory/net.ts'
import type { RawGroup, RawInventory, RawValue, RawVars } from '../inventory/raw.ts'
import { SecretRef } from '../inventory/secret-ref.ts'
import { k3sArguments } from './k3s-arguments.ts'
import { endpointOf, type Say } from './k3s-endpoint.ts'
import type { Winners } from './layers.ts'
import type { AnsibleInventory, Variable } from './model.ts'
import { ARGUMENT_VARIABLES, ENDPOINT_VARIABLES, type Project } from './project.ts'

interface Cluster {
  readonly inventory: AnsibleInventory
  readonly project: Project
  /** fmc's names of the hosts of the servers and the agents. */
  readonly servers: readonly string[]
  readonly agents: readonly string[]
  /** The variables of a host, by fmc's name of it. */
  readonly winners: (host: string) => Winners | undefined
  /** Why fmc cannot install a release of K3s; undefined: it can, or it is not known. */
  readonly unpinned: (version: string) => boolean
  readonly defaultVersion: string | undefined
}

interface Finished {
  readonly raw: RawInventory
  /** More names for `fmc secrets set`. */
  readonly secrets: readonly string[]
}

/** Adds to a converted inventory what fmc's K3s roles need, with a remark for each thing. */
export function withK3s(raw: RawInventory, cluster: Cluster): Finished {
  const { inventory, project, servers, agents, winners } = cluster
  const [first = ''] = servers
  const own = winners(first)
  const place = inventory.groups.get('all') ?? { file: '', line: 1 }
  const say = (key: string, why: string, at: Pick<Variable, 'file' | 'line'> = place): void => {
    inventory.remark({ file: at.file, line: at.line }, key, why)
  }
  const shared: Record<string, RawValue> = {}
  const secrets: string[] = []
  const used = new Set<string>(ENDPOINT_VARIABLES)
  const has = (name: string): boolean => allVars(raw).some(vars => vars[name] !== undefined)

  for (const name of ['k3s_token', 'k3s_agent_token']) {
    if (has(name)) continue
    shared[name] = new SecretRef(name, place.file, 1, 1)
    secrets.push(name)
    say(
      name,
      `added as !secret ${name}: fmc secrets set ${name} --random (of a running cluster: the one it has)`,
    )
  }

  const forServers: Record<string, RawValue> = {}
  const forAgents: Record<string, RawValue> = {}
  for (const [names, hosts, into] of [
    [ARGUMENT_VARIABLES.servers, servers, shared],
    [ARGUMENT_VARIABLES.agents, agents, forAgents],
  ] as const) {
    const given = names.flatMap(name => {
      const variable = winners(hosts[0] ?? '')?.get(name)
      return variable === undefined ? [] : [{ name, variable }]
    })
    Object.assign(into, k3sArguments(given.map(({ variable }) => variable.value)).vars)
    for (const { name, variable } of given) {
      used.add(name)
      const { vars, unknown } = k3sArguments([variable.value])
      const became = Object.keys(vars)
      const what =
        became.length > 0
          ? `became ${became.join(', ')}`
          : 'sets nothing that fmc has a variable for'
      say(
        name,
        unknown.length > 0 ? `${what}; not carried over: ${unknown.join(', ')}` : what,
        variable,
      )
    }
  }
  for (const name of ['k3s_node_labels', 'k3s_node_taints'])
    if (shared[name] !== undefined) {
      forServers[name] = shared[name]
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- it belongs to the servers alone
      delete shared[name]
    }
  if (shared['k3s_disable'] === undefined && !has('k3s_disable')) {
    shared['k3s_disable'] = []
    say(
      'k3s_disable',
      "[]: as K3s itself does, so that the cluster keeps its storage class local-path; fmc's default leaves it to Longhorn",
    )
  }
  if (project === 'k3s-ansible' && shared['k3s_secrets_encryption'] === undefined) {
    shared['k3s_secrets_encryption'] = false
    say(
      'k3s_secrets_encryption',
      'false: as K3s itself does, and a running cluster cannot change it; of a new cluster remove this line',
    )
  }
  dnsOf(raw, shared, say)
  const vip = endpointOf(raw, servers, own, say)
  if (vip?.san !== undefined)
    shared['k3s_tls_san'] = [
      ...new Set([...((shared['k3s_tls_san'] as string[] | undefined) ?? []), vip.san]),
    ]
  if (vip?.kubeconfig !== undefined) shared['kubeconfig_server'] = vip.kubeconfig

  const pinned = withoutVersion(raw, cluster)
  const cleaned = withoutVars(pinned, used)
  return { raw: placed(cleaned, { shared, forServers, forAgents }, vip?.vip), secrets }
}

const allVars = (raw: RawInventory): readonly RawVars[] =>
  [raw.all, ...Object.values(raw.groups ?? {}), ...Object.values(raw.hosts)].flatMap(block =>
    block?.vars ? [block.vars] : [],
  )

/** The DNS of the cluster lies in the range of its services: the tenth address, as K3s itself chooses. */
function dnsOf(raw: RawInventory, shared: Record<string, RawValue>, say: Say): void {
  const cidr = [shared, ...allVars(raw)]
    .map(vars => vars['k3s_service_cidr'])
    .find(v => typeof v === 'string')
  const base = parseIpv4(String(cidr).split('/')[0] ?? '')
  if (cidr === undefined || base === undefined || shared['k3s_cluster_dns'] !== undefined) return
  shared['k3s_cluster_dns'] = formatIpv4(base + 10)
  say(
    'k3s_cluster_dns',
    `${formatIpv4(base + 10)}: the tenth address of ${cidr}, as K3s itself chooses`,
  )
}

/** Without a k3s_version whose checksum fmc does not have: fmc would refuse to download it. */
function withoutVersion(
  raw: RawInventory,
  { inventory, unpinned, defaultVersion, winners, servers }: Cluster,
): RawInventory {
  const version = allVars(raw)
    .map(vars => vars['k3s_version'])
    .find(v => typeof v === 'string')
  if (typeof version !== 'string' || !unpinned(version)) return raw
  const variable = winners(servers[0] ?? '')?.get('k3s_version')
  inventory.remark(
    variable ?? { file: '', line: 1 },
    'k3s_version',
    `left out, so ${defaultVersion ?? "fmc's own release"} is installed: fmc has no checksum of ${version}. To keep ${version}, set k3s_version and write its SHA-256 (sha256sum-amd64.txt of the release) into the inventory: artifacts: { k3s: { version: ${version}, sha256: … } }`,
  )
  return withoutVars(raw, new Set(['k3s_version']))
}

function withoutVars(raw: RawInventory, names: ReadonlySet<string>): RawInventory {
  const clean = <B extends { readonly vars?: RawVars | undefined }>(block: B): B => {
    if (block.vars === undefined) return block
    const left = Object.entries(block.vars).filter(([name]) => !names.has(name))
    return { ...block, vars: left.length > 0 ? Object.fromEntries(left) : undefined }
  }
  const each = <B extends { readonly vars?: RawVars | undefined }>(
    blocks: Readonly<Record<string, B>>,
  ): Record<string, B> =>
    Object.fromEntries(Object.entries(blocks).map(([name, block]) => [name, clean(block)]))
  return {
    ...raw,
    all: raw.all && clean(raw.all),
    groups: each(raw.groups ?? {}),
    hosts: each(raw.hosts),
  }
}

/** The inventory with the variables of the cluster in its group, or for all hosts where there is none. */
function placed(
  raw: RawInventory,
  {
    shared,
    forServers,
    forAgents,
  }: Readonly<Record<'shared' | 'forServers' | 'forAgents', Readonly<Record<string, RawValue>>>>,
  vips: RawInventory['vips'],
): RawInventory {
  const groups: Record<string, RawGroup> = { ...raw.groups }
  const add = (name: string, vars: Readonly<Record<string, RawValue>>): void => {
    if (Object.keys(vars).length > 0)
      groups[name] = { ...groups[name], vars: { ...groups[name]?.vars, ...vars } }
  }
  add('k3s_servers', forServers)
  add('k3s_agents', forAgents)
  const { timezone, domain, networks, all, hosts, ...rest } = raw
  const inCluster = groups['k3s_cluster'] !== undefined
  if (inCluster) add('k3s_cluster', shared)
  return {
    timezone,
    domain,
    networks,
    ...(vips && { vips }),
    ...(inCluster ? all && { all } : { all: { ...all, vars: { ...all?.vars, ...shared } } }),
    ...rest,
    groups,
    hosts,
  }
}
