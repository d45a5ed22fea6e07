import { z } from '../../lib/index.ts'
import type { KubernetesObject } from '../shared/kubernetes/chart.ts'
import type { Installed } from '../shared/kubernetes/chart-gate.ts'
import { conditions, itemsIn, kubectl, objectName } from '../shared/kubernetes/kubectl.ts'
import { readWorkloads, unready, WORKLOADS } from '../shared/kubernetes/workloads.ts'
import type { AddOn } from './add-on.ts'
import type { Options } from './vars.ts'

/** The custom resources whose health an operator reports, by kind. */
export const SERVED: Readonly<Record<string, string>> = {
  Elasticsearch: 'elasticsearches.elasticsearch.k8s.elastic.co',
  Kibana: 'kibanas.kibana.k8s.elastic.co',
  Beat: 'beats.beat.k8s.elastic.co',
  Kafka: 'kafkas.kafka.strimzi.io',
  Prometheus: 'prometheuses.monitoring.coreos.com',
  Alertmanager: 'alertmanagers.monitoring.coreos.com',
}

const Served = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: objectName }),
  status: z
    .looseObject({
      health: z.string().optional(),
      conditions,
    })
    .optional(),
})
type Item = z.output<typeof Served>

/**
 * Why a custom resource is not healthy; [] = it is. Elastic's operator reports green (or yellow: one node has no place
 * for copies), Strimzi a condition Ready, Prometheus' operator a condition Available.
 */
export function illness(object: KubernetesObject, items: readonly Item[]): string[] {
  const { name } = object.metadata
  const item = items.find(i => i.kind === object.kind && i.metadata.name === name)
  return item ? sickness(item) : [`${object.kind} ${name} is not in the cluster yet`]
}

function sickness(item: Item): string[] {
  const ready = item.status?.conditions.find(c => c.type === 'Ready' || c.type === 'Available')
  const { health } = item.status ?? {}
  if (ready?.status === 'True' || health === 'green' || health === 'yellow') return []
  return [
    `${item.kind} ${item.metadata.name}: ${health ?? ready?.message ?? 'its operator reports nothing yet'}`,
  ]
}

/** Check of an add-on's gate: true, or which of its chart, workloads and custom resources is not ready, and why. */
export function isReady(
  entry: AddOn,
  options: Options,
  installed: Installed,
): () => Promise<true | string> {
  return async () => {
    const chart = await installed([entry.chart(options)])
    return chart === true ? runs(entry, options) : chart
  }
}

async function runs(entry: AddOn, options: Options): Promise<true | string> {
  const workloads = readWorkloads(
    await kubectl('-n', entry.namespace, 'get', WORKLOADS, '-o', 'json').ask(),
  )
  if (typeof workloads === 'string') return workloads
  const own = workloads.filter(w => entry.workloads?.includes(w.metadata.name) ?? true)
  if (own.length === 0) return `${entry.namespace} has no workloads yet`
  const wrong = [...unready(own), ...(await served(entry, options))]
  return wrong.length === 0 || wrong.join('; ')
}

async function served(entry: AddOn, options: Options): Promise<string[]> {
  const objects = entry.objects(options).filter(o => o.kind in SERVED)
  const names = [...new Set([...objects.map(o => o.kind), ...entry.operated])]
  if (names.length === 0) return []
  const kinds = names.map(kind => SERVED[kind]).join(',')
  const answer = await kubectl('-n', entry.namespace, 'get', kinds, '-o', 'json').ask()
  const items = itemsIn(kinds, answer, Served)
  if (typeof items === 'string') return [items]
  // What the chart makes is there once helm is done; the inventory's values may have turned it off.
  const made = items.filter(item => entry.operated.includes(item.kind))
  return [...objects.flatMap(object => illness(object, items)), ...made.flatMap(sickness)]
}
