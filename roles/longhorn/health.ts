import { host, z, type Invariant } from '../../lib/index.ts'
import { itemsIn, kubectl, objectName, type Answer } from '../shared/kubernetes/kubectl.ts'
import { onServer } from '../shared/kubernetes/servers.ts'
import { DISK, NAMESPACE } from './templates.ts'

const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
})
const Volume = z.looseObject({
  kind: z.literal('Volume'),
  metadata: z.looseObject({ name: objectName }),
  status: z.looseObject({
    state: z.string().default(''),
    robustness: z.string().default(''),
    kubernetesStatus: z
      .looseObject({ namespace: z.string().default(''), pvcName: z.string().default('') })
      .optional(),
  }),
})
const Node = z.looseObject({
  kind: z.literal('Node'),
  metadata: z.looseObject({ name: objectName }),
  spec: z.looseObject({
    allowScheduling: z.boolean().default(true),
    disks: z
      .record(
        z.string(),
        z.looseObject({ path: z.string(), allowScheduling: z.boolean().default(false) }),
      )
      .default({}),
  }),
  status: z.looseObject({
    conditions: z.array(Condition).default([]),
    diskStatus: z
      .record(z.string(), z.looseObject({ conditions: z.array(Condition).default([]) }))
      .nullish(),
  }),
})
const Item = z.discriminatedUnion('kind', [Volume, Node])

/** Longhorn's volumes and nodes. */
export interface Longhorn {
  readonly volumes: readonly z.output<typeof Volume>[]
  readonly nodes: readonly z.output<typeof Node>[]
}

/** kubectl's answer as Longhorn's state. `none`: Longhorn is not installed. `problem`: why the state is unknown. */
export function readLonghorn(answer: Answer): Longhorn | 'none' | { readonly problem: string } {
  if (/the server doesn't have a resource type/.test(answer.stderr)) return 'none'
  const items = itemsIn('Longhorn’s state', answer, Item)
  if (typeof items === 'string') return { problem: items }
  return {
    volumes: items.filter(i => i.kind === 'Volume'),
    nodes: items.filter(i => i.kind === 'Node'),
  }
}

/** Longhorn's state, asked on the current host, a K3s server. */
export const askLonghorn = async () => readLonghorn(await STATE.ask())

const STATE = kubectl('-n', NAMESPACE, 'get', 'volumes.longhorn.io,nodes.longhorn.io', '-o', 'json')

/** What is wrong with volumes: one is faulted, or attached without all its copies. [] = nothing. */
export function sickVolumes({ volumes }: Longhorn): string[] {
  return volumes.flatMap(({ metadata, status }) => {
    const sick =
      status.robustness === 'faulted' ||
      (status.state !== 'detached' && status.robustness !== 'healthy')
    if (!sick) return []
    const claim = status.kubernetesStatus
    const whose = claim?.pvcName ? ` of ${claim.namespace}/${claim.pvcName}` : ''
    return [
      `the volume ${metadata.name}${whose} is ${status.robustness || status.state || 'unknown'}`,
    ]
  })
}

const isTrue = (conditions: readonly z.output<typeof Condition>[], type: string): boolean =>
  conditions.some(c => c.type === type && c.status === 'True')

/** What is wrong with one of Longhorn's nodes and its disk. [] = nothing. */
export function sickNode(name: string, { nodes }: Longhorn): string[] {
  const node = nodes.find(n => n.metadata.name === name)
  if (!node) return [`Longhorn does not know the node ${name} yet`]
  if (!isTrue(node.status.conditions, 'Ready')) return [`Longhorn's node ${name} is not Ready`]
  if (!node.spec.allowScheduling || !isTrue(node.status.conditions, 'Schedulable'))
    return [`Longhorn's node ${name} is not schedulable (cordoned?)`]
  return sickDisk(name, node)
}

function sickDisk(name: string, node: Longhorn['nodes'][number]): string[] {
  const disks = Object.entries(node.spec.disks)
  const [id, disk] = disks.find(([, d]) => d.path.replace(/\/+$/, '') === DISK) ?? []
  if (id === undefined || disk === undefined)
    return disks.length === 0
      ? [`${name} has no disk in Longhorn yet`]
      : [
          `drift: ${name} has the disks ${disks.map(([, d]) => d.path).join(', ')} in Longhorn and not ${DISK}; Longhorn makes a default disk only on a node without any (README, "Disks that differ")`,
        ]
  if (!disk.allowScheduling)
    return [`drift: the disk ${DISK} of ${name} takes no volumes (allowScheduling is false)`]
  const conditions = node.status.diskStatus?.[id]?.conditions ?? []
  return (['Ready', 'Schedulable'] as const)
    .filter(type => !isTrue(conditions, type))
    .slice(0, 1)
    .map(type => `the disk ${DISK} of ${name} is not ${type}${reasonOf(conditions, type)}`)
}

const reasonOf = (conditions: readonly z.output<typeof Condition>[], type: string): string => {
  const reason = conditions.find(c => c.type === type)?.reason
  return reason ? ` (${reason})` : ''
}

const isReady = (name: string, { nodes }: Longhorn): boolean =>
  nodes.some(n => n.metadata.name === name && isTrue(n.status.conditions, 'Ready'))

/** A new node has no disk in Longhorn until the role runs on a server: there is nothing on it to wait for. */
const hasDisk = (name: string, { nodes }: Longhorn): boolean =>
  nodes.some(n => n.metadata.name === name && Object.keys(n.spec.disks).length > 0)

/** Does Longhorn keep nothing on this node, because it is not installed or has no disk there? */
export const keepsNothing = (state: ReturnType<typeof readLonghorn>, name: string): boolean =>
  state === 'none' || ('nodes' in state && !hasDisk(name, state))

/** The same for the host on which this runs. */
export const withoutVolumes = async (): Promise<boolean> =>
  keepsNothing(await onServer(askLonghorn, [host().name]), host().name)

/** The same state without cordons: a node that a person has cordoned counts as healthy. */
const withoutCordons = (state: Longhorn): Longhorn => ({
  ...state,
  nodes: state.nodes.map(node => ({
    ...node,
    status: {
      ...node.status,
      conditions: node.status.conditions.map(c =>
        c.type === 'Schedulable' && c.reason === 'KubernetesNodeCordoned'
          ? { ...c, status: 'True' }
          : c,
      ),
    },
  })),
})

/**
 * Before a batch: true, or why a play must not touch it. Hosts without copies (Longhorn does not know them, or has lost
 * them) may be repaired whatever the volumes' state. After it: true, or what is still missing. Always true in a cluster
 * without Longhorn.
 */
export function holds(
  state: ReturnType<typeof readLonghorn>,
  when: 'before' | 'after',
  batch: readonly string[],
): true | string {
  if (state === 'none') return true
  if ('problem' in state) return state.problem
  if (when === 'before' && !batch.some(name => isReady(name, state))) return true
  const sick = [
    ...sickVolumes(state),
    ...(when === 'before' ? [] : batch.filter(n => hasDisk(n, state))).flatMap(name =>
      sickNode(name, withoutCordons(state)),
    ),
  ]
  if (sick.length === 0) return true
  return `${sick.join('; ')}: wait for the rebuild, or repair it first (k3s kubectl -n ${NAMESPACE} get volumes.longhorn.io,replicas.longhorn.io)`
}

/**
 * Every attached volume has all its copies and none is faulted: only then may a play touch a node. fmc asks the cluster
 * on a server outside the batch, if one answers.
 */
export const longhornHealthy: Invariant = {
  name: 'every Longhorn volume healthy',
  timeoutSeconds: 1800,
  check: async (when, batch) => holds(await onServer(askLonghorn, batch), when, batch),
}
