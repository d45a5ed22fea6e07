import { z } from '../../../lib/index.ts'
import { itemsIn, objectName, type Answer } from './kubectl.ts'

/** The kinds to ask kubectl for. */
export const WORKLOADS = 'deployments.apps,statefulsets.apps,daemonsets.apps'

const count = z.int().default(0)
const Workload = z.looseObject({
  kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']),
  metadata: z.looseObject({
    name: objectName,
    namespace: objectName.default(''),
    generation: count,
  }),
  spec: z.looseObject({ replicas: z.int().default(1) }).default({ replicas: 1 }),
  status: z
    .looseObject({
      observedGeneration: count,
      replicas: count,
      updatedReplicas: count,
      readyReplicas: count,
      availableReplicas: count,
      desiredNumberScheduled: count,
      updatedNumberScheduled: count,
      numberAvailable: count,
    })
    .optional(),
})
export type Workload = z.output<typeof Workload>

/** Deployments, stateful sets and daemon sets, or why they are unknown. */
export function readWorkloads(answer: Answer): readonly Workload[] | string {
  return itemsIn('the workloads', answer, Workload)
}

/** Workloads that are not fully rolled out, with their figures (by the rules of kubectl rollout status). */
export const unready = (workloads: readonly Workload[]): string[] =>
  workloads.flatMap(w => {
    const { status: s } = w
    const [want, updated, ready] =
      w.kind === 'DaemonSet'
        ? [s?.desiredNumberScheduled ?? 0, s?.updatedNumberScheduled ?? 0, s?.numberAvailable ?? 0]
        : [
            w.spec.replicas,
            s?.updatedReplicas ?? 0,
            (w.kind === 'Deployment' ? s?.availableReplicas : s?.readyReplicas) ?? 0,
          ]
    const settled = (s?.observedGeneration ?? 0) >= w.metadata.generation
    if (settled && updated >= want && ready >= want) return []
    return [
      `${w.kind} ${w.metadata.name}: ${ready} of ${want} ready${updated < want ? `, ${updated} updated` : ''}`,
    ]
  })
