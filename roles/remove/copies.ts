import { z } from '../../lib/index.ts'
import { itemsIn, kubectl, type Answer } from '../cluster/kubectl.ts'
import { NAMESPACE } from '../longhorn/index.ts'

const Copy = z.looseObject({
  spec: z.looseObject({
    volumeName: z.string().max(253),
    nodeID: z.string().default(''),
    failedAt: z.string().default(''),
  }),
})

const COPIES = kubectl('-n', NAMESPACE, 'get', 'replicas.longhorn.io', '-o', 'json')

/** Longhorn's copies, asked on a K3s server. */
export const askCopies = (): Promise<Answer> => COPIES.ask()

/** true, or which volumes have no good copy but on this node (longhorn.io, Replica: failedAt is empty of a good one). */
export function lastCopies(node: string, answer: Answer): true | string {
  if (/the server doesn't have a resource type/.test(answer.stderr)) return true
  const items = itemsIn('Longhorn’s copies', answer, Copy)
  if (typeof items === 'string') return items
  const good = items.map(i => i.spec).filter(s => s.failedAt === '')
  const here = new Set(
    items
      .map(i => i.spec)
      .filter(s => s.nodeID === node)
      .map(s => s.volumeName),
  )
  const lost = [...here].filter(v => !good.some(s => s.volumeName === v && s.nodeID !== node))
  if (lost.length === 0) return true
  return `${lost.join(', ')}: the last good copy is on ${node}. Give the volume more copies (numberOfReplicas) and wait until one is elsewhere, or delete its claim`
}
