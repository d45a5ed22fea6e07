import { existsSync } from 'node:fs'
import { hosts, probe, tryOn, type Host } from '../../lib/index.ts'
import { kubeconfigPath } from '../shared/k3s/kubeconfig-path.ts'
import { DATA_DIR } from '../shared/k3s/platform.ts'
import { AGENTS } from '../shared/k3s/survey.ts'

/**
 * Traces of an earlier cluster that survive the loss of all servers: agents that have been nodes, and the kubeconfig on
 * this machine. undefined: none. An agent that does not answer is no trace.
 */
export async function remainsOfCluster(path: string | undefined): Promise<string | undefined> {
  const asked = await Promise.all(
    hosts(AGENTS).map(async h => ((await hasBeenNode(h)) ? [h.name] : [])),
  )
  const agents = asked.flat()
  const file = kubeconfigPath(path)
  const found = [
    ...(agents.length > 0 ? [`${agents.join(', ')} has been a node of one`] : []),
    ...(existsSync(file) ? [`${file} on this machine is its kubeconfig`] : []),
  ]
  return found.length > 0 ? found.join('; ') : undefined
}

async function hasBeenNode(agent: Host): Promise<boolean> {
  const certificate = `${DATA_DIR}/agent/client-kubelet.crt`
  const asked = await tryOn(
    agent,
    () => probe({ estimate: false, whenNew: { code: 1 } })`test -e ${certificate}`,
  )
  return asked.ok && asked.value.ok
}
