import { flush, on, role, TaskError, z, type Host } from '../../lib/index.ts'
import { snapshotVars, speaker, takeSnapshot } from '../shared/k3s/snapshot.ts'
import k3sAgent from '../k3s-agent/index.ts'
import { PLATFORMS } from '../shared/k3s/platform.ts'
import { healthyIn, survey, type Survey } from '../shared/k3s/survey.ts'
import { commonVars } from '../shared/k3s/vars.ts'
import { refusedStep } from '../shared/k3s/version.ts'
import { drained } from '../shared/k3s/drain.ts'

export default role({
  name: 'k3s-upgrade',
  summary:
    'Before an upgrade: refuses what would break the cluster, and takes a snapshot and the token to this machine',
  vars: z.object({ k3s_version: commonVars.k3s_version, ...snapshotVars }),
  async tasks({ vars }) {
    const found = await survey()
    const refused = refusal(found, vars.k3s_version)
    if (refused !== undefined)
      throw new TaskError(refused, { hint: 'nothing was changed; more in: fmc play health' })
    if (outdated(found, vars.k3s_version).length > 0)
      await on(speaker(found), () => takeSnapshot(vars.etcd_snapshot_dir))
  },
})

const nodesOf = (found: Survey) => healthyIn(found)[0]?.[1].nodes ?? []

/** Nodes that do not run this version. */
const outdated = (found: Survey, version: string): string[] =>
  nodesOf(found)
    .filter(n => n.version !== version)
    .map(n => n.name)

/** Why the cluster must not be upgraded now; undefined: it may. */
export function refusal(found: Survey, version: string): string | undefined {
  const nodes = nodesOf(found)
  if (nodes.length > 0 && outdated(found, version).length === 0) return undefined
  const down = [...found].filter(([, s]) => typeof s === 'string' || !s.healthy)
  if (down.length > 0)
    return `an upgrade needs every server healthy: ${down.map(([name, s]) => `${name}: ${typeof s === 'string' ? s : s.problem}`).join('; ')}`
  const steps = nodes.flatMap(n => {
    const why = refusedStep(n.version, version)
    return why === undefined ? [] : [`${n.name}: ${why}`]
  })
  return steps.length > 0 ? steps.join('; ') : undefined
}

/** The role k3s-agent, with the node drained while its version changes. */
export const drainedAgent = role({
  name: k3sAgent.name,
  summary: k3sAgent.summary,
  vars: z.object(commonVars),
  platforms: PLATFORMS,
  async tasks(context) {
    const { host, vars } = context
    await drained(host, await isOutdated(host, vars.k3s_version), async () => {
      await k3sAgent.tasks(context as never)
      await flush()
    })
  },
  handlers: k3sAgent.handlers as never,
})

async function isOutdated(host: Host, version: string): Promise<boolean> {
  return outdated(await survey(), version).includes(host.name)
}
