import { existsSync } from 'node:fs'
import { hosts, probe, on, type Host } from '../../lib/index.ts'
import { kubeconfigPath } from '../shared/k3s/kubeconfig-path.ts'
import { DATA_DIR } from '../shared/k3s/platform.ts'
import { AGENTS } from '../shared/k3s/survey.ts'

/**
 * What says that there has been a cluster, from where a lost server cannot take it along: agents that have been nodes,
 * and the kubeconfig on this machine. An agent that cannot be asked says nothing.
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

const hasBeenNode = (agent: Host): Promise<boolean> =>
  on(
    agent,
    async () =>
      (
        await probe({
          estimate: false,
          whenNew: { code: 1 },
        })`test -e ${`${DATA_DIR}/agent/client-kubelet.crt`}`
      ).ok,
  ).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return false
  })
