import { healthyIn, type Survey } from '../shared/k3s/survey.ts'
import { parseVersion, refusedStep } from '../shared/k3s/version.ts'

/** Why this server must not run the wanted version, given the versions of the other nodes; undefined: it may. */
export function refusedVersion(self: string, found: Survey, wanted: string): string | undefined {
  const [healthyServer] = healthyIn(found)
  if (!healthyServer) return undefined
  const own = healthyServer[1].nodes.find(n => n.name === self)
  if (own) {
    const refused = refusedStep(own.version, wanted)
    return refused && `${self}: ${refused}`
  }
  for (const name of found.keys()) {
    const other = healthyServer[1].nodes.find(n => n.name === name)
    const [a, b] = [parseVersion(other?.version ?? ''), parseVersion(wanted)]
    if (other && a && b && Math.abs(a.minor - b.minor) > 1)
      return `${self} would join with ${wanted}, but ${name} runs ${other.version}: API servers must be at most one minor version apart`
  }
  return undefined
}
