import { quoteAll, resource, TaskError, z, type Common } from '../../../lib/index.ts'
import { KUBECTL } from '../k3s/platform.ts'
import { isMissing, itemsIn, kubectl, objectName, type Answer } from './kubectl.ts'

/** All nodes. One question for all roles, so that it is asked once. */
export const NODES = kubectl('get', 'nodes', '-o', 'json')

const Node = z.looseObject({
  metadata: z.looseObject({
    name: objectName,
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .optional(),
})
export type Node = z.output<typeof Node>

/** The cluster's nodes, or why they are unknown. */
export function readNodes(answer: Answer): readonly Node[] | string {
  return itemsIn('the nodes', answer, Node)
}

export const isReady = ({ status }: Node): boolean =>
  status?.conditions.some(c => c.type === 'Ready' && c.status === 'True') === true

export type Marks = Readonly<Record<string, string>>

export interface NodeMarks extends Common {
  /** The task's name. */
  readonly title: string
  readonly nodes: readonly string[]
  readonly labels: Marks
  readonly annotations?: Marks | undefined
}

const missing = (want: Marks, now: Marks): string[] =>
  Object.entries(want).flatMap(([key, value]) => (now[key] === value ? [] : [`${key}=${value}`]))

/**
 * Commands that set the missing labels and annotations. A node that does not exist yet will have joined by then.
 * Annotations come first: code that waits for a label reads them next.
 */
export function marking(o: NodeMarks, nodes: readonly Node[]) {
  return o.nodes.flatMap(name => {
    const node = nodes.find(n => n.metadata.name === name)?.metadata
    const marks = [
      ['annotate', missing(o.annotations ?? {}, node?.annotations ?? {})],
      ['label', missing(o.labels, node?.labels ?? {})],
    ] as const
    const wanted = marks.filter(([, list]) => list.length > 0)
    if (wanted.length === 0) return []
    return [
      {
        what: `${name}: ${wanted.map(([verb, list]) => `${verb} ${list.map(mark => mark.replace(/=[{[].*/, '')).join(', ')}`).join('; ')}`,
        script: wanted
          .map(([verb, list]) => quoteAll([...KUBECTL, verb, '--overwrite', 'node', name, ...list]))
          .join('\n'),
      },
    ]
  })
}

/** Labels and annotations of nodes. Others on the nodes are left alone. */
export const nodeMarks = resource({
  name: (o: NodeMarks) => o.title,
  needs: () => ({ now: NODES.query }),
  plan(o, { now }, { doubt }) {
    const nodes = readNodes(now)
    if (typeof nodes !== 'string') return marking(o, nodes)
    if (isMissing(now) || doubt) return marking(o, [])
    throw new TaskError(nodes)
  },
})
