import { existsSync, readFileSync } from 'node:fs'
import type { KubernetesObject } from '../shared/kubernetes/chart.ts'
import { parseKeys, unknownKeys, type KeyList } from '../shared/kubernetes/value-keys.ts'
import { entries } from './catalogue.ts'
import type { Vars } from './vars.ts'

/** undefined: a copy of this role in another project has no lists beside it. */
function listOf(chart: string): KeyList | undefined {
  const file = new URL(`../../files/charts/${chart}.txt`, import.meta.url)
  return existsSync(file) ? parseKeys(readFileSync(file, 'utf8')) : undefined
}

/** Name without the registry, and version, of a HelmChart's chart. */
const chartOf = (object: KubernetesObject): { name: string; version: string } => {
  const { chart = '', version = '' } = object['spec'] as { chart?: string; version?: string }
  return { name: chart.replace(/.*\//, ''), version }
}

/**
 * Warnings for `fmc lint` about keys at the top of the inventory's `values` that the chart does not know, because helm
 * ignores them in silence; [] when it knows them all. Further down a chart may pass a map on whole, and then any key
 * counts. Of another version than the pinned one fmc has no list.
 */
export const ignoredValues = (addons: Vars['addons']): { message: string; hint: string }[] =>
  entries(addons, {}).flatMap(([entry, options]) => {
    if (options?.state !== 'present' || options.values === undefined) return []
    const { name, version } = chartOf(entry.chart(options))
    const list = listOf(name)
    if (list?.version !== version) return []
    const top = Object.fromEntries(Object.keys(options.values).map(key => [key, null]))
    return unknownKeys(top, list.keys).map(key => ({
      message: `${entry.name}.values: the chart ${name} ${version} has no key ${key}, and helm ignores it`,
      hint: `the chart's keys: helm show values, or files/charts/${name}.txt of fmc`,
    }))
  })
