import { hostItems, nonsense, z } from '../../../lib/index.ts'
import { objectName } from '../kubernetes/kubectl.ts'

export interface NodeState {
  readonly name: string
  /** Its InternalIP; empty when it has none yet. */
  readonly address: string
  readonly ready: boolean
  readonly cordoned: boolean
  readonly version: string
  readonly labels: Readonly<Record<string, string>>
  /** In the inventory's form: key=value:effect. */
  readonly taints: readonly string[]
}

const RawNode = z.looseObject({
  metadata: z.looseObject({
    name: objectName,
    labels: z.record(z.string(), z.string()).nullish(),
  }),
  spec: z
    .looseObject({
      unschedulable: z.boolean().nullish(),
      taints: z
        .array(
          z.looseObject({
            key: z.string().nullish(),
            value: z.string().nullish(),
            effect: z.string().nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish(),
      nodeInfo: z
        .looseObject({
          kubeletVersion: z
            .string()
            .regex(/^[\w.+-]{0,64}$/)
            .nullish(),
        })
        .nullish(),
      addresses: z
        .array(z.looseObject({ type: z.string(), address: z.string().max(253) }))
        .nullish(),
    })
    .nullish(),
})

/** Parses `kubectl get nodes -o json`. Throws TaskError. */
export function parseNodes(text: string): NodeState[] {
  const nodes = hostItems('kubectl', 'the nodes', text, RawNode)
  if (new Set(nodes.map(n => n.metadata.name)).size < nodes.length)
    throw nonsense('kubectl', 'the nodes', text, 'a name occurs twice')
  return nodes.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    address: status?.addresses?.find(a => a.type === 'InternalIP')?.address ?? '',
    ready: status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ?? false,
    cordoned: spec?.unschedulable === true,
    version: status?.nodeInfo?.kubeletVersion ?? '',
    labels: metadata.labels ?? {},
    taints: (spec?.taints ?? []).map(
      t => `${t.key ?? ''}${t.value ? `=${t.value}` : ''}:${t.effect ?? ''}`,
    ),
  }))
}
