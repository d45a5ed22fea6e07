import { ask, quote, resource, type Common, type PlannedChange } from '../../../lib/index.ts'
import { KUBECTL_TEXT } from './platform.ts'
import { parseState, STATE_SCRIPT, STATE_WHEN_NEW } from './server-state.ts'

/**
 * Labels below kubernetes.io and k8s.io that a kubelet may set on itself (KEP 279, "NodeRestriction"). It refuses to
 * start with any other label there.
 */
const KUBELET_MAY =
  /^(([^/]*\.)?(kubelet|node)\.kubernetes\.io\/|topology\.kubernetes\.io\/(region|zone)$)/

/** The labels with which a kubelet may register its node, as key=value. */
export const registeredLabels = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(labels)
    .filter(([key]) => !/^([^/]*\.)?(kubernetes|k8s)\.io\//.test(key) || KUBELET_MAY.test(key))
    .map(([key, value]) => `${key}=${value}`)
    .sort()

/** The same question as in survey.ts, so that one answer serves both. */
const STATE = ask('command', `sh -c ${quote(STATE_SCRIPT)}`, {
  code: 0,
  stdout: STATE_WHEN_NEW,
  stderr: '',
})

interface NodeOptions extends Common {
  readonly node: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly string[]
}

/**
 * Labels and taints of a Node. Runs on a server: kubelet applies its own labels and taints only when it creates the
 * node. Other labels and taints of the node are left alone.
 */
export const labelsAndTaints = resource({
  name: (o: NodeOptions) => `node ${o.node}`,
  needs: () => ({ state: STATE }),
  plan(o, { state }) {
    const nodes = state.code === 0 ? parseState(state.stdout).nodes : []
    const now = nodes.find(n => n.name === o.node) ?? {
      labels: Object.fromEntries(
        registeredLabels(o.labels).map(l => l.split('=', 2) as [string, string]),
      ),
      taints: o.taints,
    }
    const changes: PlannedChange[] = Object.entries(o.labels)
      .filter(([key, value]) => now.labels[key] !== value)
      .map(([key, value]) => ({
        what: `label ${key}=${value}`,
        script: `${KUBECTL_TEXT} label node ${quote(o.node)} ${quote(`${key}=${value}`)} --overwrite`,
      }))
    for (const taint of o.taints.filter(t => !now.taints.includes(t)))
      changes.push({
        what: `taint ${taint}`,
        script: `${KUBECTL_TEXT} taint node ${quote(o.node)} ${quote(taint)} --overwrite`,
      })
    return changes
  },
})
