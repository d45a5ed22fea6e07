import { excerpt, resource, TaskError, type Common } from '../../lib/index.ts'
import { CHARTS, readCharts } from '../shared/kubernetes/charts.ts'
import { isMissing } from '../shared/kubernetes/kubectl.ts'

/** true, or why Longhorn must not go from one version to another (longhorn.io, "Upgrade"). */
export function mayGo(from: string | undefined, to: string): true | string {
  if (from === undefined) return true
  if (!/^\d{1,6}\.\d{1,6}\.\d{1,6}(-[\w.]{1,40})?$/.test(from))
    return `the cluster says that it has Longhorn ${excerpt(from)}, which is not a version`
  const [a = 0, b = 0, c = 0] = from.split(/[.-]/).map(Number)
  const [x = 0, y = 0, z = 0] = to.split('.').map(Number)
  if (x !== a) return `Longhorn ${from} cannot become ${to}: another major version`
  if (y < b || (y === b && z < c))
    return `Longhorn ${from} cannot go back to ${to}, which does not understand its data`
  if (y > b + 1)
    return `Longhorn ${from} cannot become ${to}: one minor at a time, ${a}.${b + 1} comes first`
  return true
}

/** Throws TaskError for a version that cannot follow the cluster's, before the manifest is written. Changes nothing. */
export const upgradeStep = resource({
  name: (_: Common & { readonly version: string }) => 'Longhorn goes one minor at a time',
  needs: () => ({ now: CHARTS.query }),
  plan({ version }, { now }, { doubt }) {
    const state = readCharts(now)
    if (typeof state === 'string') {
      if (doubt || isMissing(now)) return []
      throw new TaskError(state)
    }
    const chart = state.find(i => i.kind === 'HelmChart' && i.metadata.name === 'longhorn')
    const answer = mayGo(chart?.spec?.version, version)
    if (answer !== true)
      throw new TaskError(answer, { hint: 'set longhorn_version to a version of the next minor' })
    return []
  },
})
