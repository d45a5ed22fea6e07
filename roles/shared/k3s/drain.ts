import {
  ask,
  excerpt,
  hostJson,
  hosts,
  on,
  quote,
  resource,
  TaskError,
  z,
  type Common,
  type Host,
} from '../../../lib/index.ts'
import { KUBECTL_TEXT } from './platform.ts'
import { healthyIn, SERVERS, survey } from './survey.ts'

/** Annotation of a node that fmc has cordoned. fmc uncordons no other node. */
const MARK = 'fmc.io/cordoned'

interface NodeNow {
  readonly cordoned: boolean
  readonly ours: boolean
}

const question = (node: string) => ask('command', `${KUBECTL_TEXT} get node ${quote(node)} -o json`)

const answer = ({ cordoned, ours }: NodeNow) => ({
  code: 0,
  stdout: JSON.stringify({
    metadata: { annotations: ours ? { [MARK]: 'yes' } : {} },
    spec: { unschedulable: cordoned },
  }),
  stderr: '',
})

const Node = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).nullish() }),
  spec: z.looseObject({ unschedulable: z.boolean().nullish() }).nullish(),
})

/** Parses kubectl's answer about a node; undefined: there is no such node. Throws TaskError when that is unknown. */
export function parseNode(fact: {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}): NodeNow | undefined {
  if (fact.code !== 0 && /NotFound/.test(fact.stderr)) return undefined
  if (fact.code !== 0 || fact.stdout === '')
    throw new TaskError(
      `kubectl gave no state of the node: ${fact.stderr.trim() === '' ? 'no answer' : excerpt(fact.stderr.trim())}`,
    )
  const { metadata, spec } = hostJson('kubectl', 'a node', fact.stdout, Node)
  return {
    cordoned: spec?.unschedulable ?? false,
    ours: Object.hasOwn(metadata.annotations ?? {}, MARK),
  }
}

interface NodeOptions extends Common {
  readonly node: string
}

/** 15 minutes: a pod may take ten minutes to end, and Longhorn needs time to detach its volumes. */
const DRAIN_SECONDS = 900

/** Cordons a node and moves its pods elsewhere. Runs on a server. Fails when a pod must not be evicted; it never forces. */
export const drain = resource({
  name: (o: NodeOptions & { readonly seconds?: number }) => `drain ${o.node}`,
  needs: o => ({ node: question(o.node) }),
  plan({ node, seconds = DRAIN_SECONDS }, now) {
    const found = parseNode(now.node)
    if (!found) return []
    const word = quote(node)
    const cordon = found.cordoned
      ? []
      : [
          {
            what: 'cordon',
            script: `${KUBECTL_TEXT} annotate node ${word} ${MARK}=yes --overwrite && ${KUBECTL_TEXT} cordon ${word}`,
            factsAfter: [[question(node), answer({ cordoned: true, ours: true })] as const],
          },
        ]
    return [
      ...cordon,
      {
        what: 'drain',
        // A refused eviction (a disruption budget, a volume's last copy) is a reason to stop: it is reported, never forced.
        script: `${KUBECTL_TEXT} drain ${word} --ignore-daemonsets --delete-emptydir-data --timeout=${seconds}s || { echo ${quote(`${node} could not be drained: nothing was evicted by force. See what holds the pods above (a PodDisruptionBudget? a volume's last copy?)`)} >&2; exit 1; }`,
        timeoutMs: (seconds + 60) * 1000,
      },
    ]
  },
})

/** Uncordons the node if fmc has cordoned it. Runs on a server. */
export const uncordon = resource({
  name: (o: NodeOptions) => `uncordon ${o.node}`,
  needs: o => ({ node: question(o.node) }),
  plan({ node }, now) {
    if (!parseNode(now.node)?.ours) return []
    const word = quote(node)
    return [
      {
        what: 'uncordon',
        script: `${KUBECTL_TEXT} uncordon ${word} && ${KUBECTL_TEXT} annotate node ${word} ${MARK}-`,
        factsAfter: [[question(node), answer({ cordoned: false, ours: false })]],
      },
    ]
  },
})

/** A healthy server to ask about this host's node; not the host itself, if possible. */
async function serverFor(node: Host): Promise<Host | undefined> {
  const up = healthyIn(await survey()).map(([name]) => name)
  const able = hosts(SERVERS).filter(s => up.includes(s.name))
  return able.find(s => s.name !== node.name) ?? able[0]
}

/**
 * Runs `work` on a node, drained if `due`. The node is uncordoned afterwards even if the work fails, and so is a node
 * that an interrupted run left cordoned. Without a healthy server it only does the work.
 */
export async function drained(
  node: Host,
  due: boolean,
  work: () => Promise<void>,
  seconds?: number,
): Promise<void> {
  const server = await serverFor(node)
  if (!server) return work()
  try {
    if (due)
      await on(server, () =>
        drain({ node: node.name, ...(seconds === undefined ? {} : { seconds }) }),
      )
    await work()
  } finally {
    await on(server, () => uncordon({ node: node.name }))
  }
}
