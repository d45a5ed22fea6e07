import type { Base } from './base.ts'
import type { LightHost } from './light-host.ts'
import type { Recorded } from './record.ts'
import type { Ran } from './runs.ts'
import { differences, thirds, treeOf } from './trees.ts'
import { CANARY } from './workloads/secret.ts'

const shorten = (list: readonly string[]): string =>
  `${list.slice(0, 4).join('; ')}${list.length > 4 ? `; and ${list.length - 4} more` : ''}`

/** Every file that the run changes has its old or its new content. */
export const oldOrNew = (
  base: Base,
  hosts: ReadonlyMap<string, LightHost>,
  r: Recorded,
): string[] =>
  [...hosts].flatMap(([name, host]) => {
    const bad = thirds(
      treeOf(base, host.layers, r.workload.restless),
      r.old.get(name)!,
      r.new.get(name)!,
      r.declared.get(name)!,
    )
    return bad.length === 0 ? [] : [`third state on ${name}: ${shorten(bad)}`]
  })

/** The whole trees are those of a run in which nothing went wrong. */
export const asRecorded = (
  base: Base,
  hosts: ReadonlyMap<string, LightHost>,
  r: Recorded,
  what: string,
): string[] =>
  [...hosts].flatMap(([name, host]) => {
    const bad = differences(treeOf(base, host.layers, r.workload.restless), r.new.get(name)!)
    return bad.length === 0
      ? []
      : [`${what}: ${name} is not as after a run without faults: ${shorten(bad)}`]
  })

/** What a run without faults must say. */
export function sound(ran: Ran, what: string): string[] {
  const { unpredicted, unneeded, failed, unreachable } = ran.recap as unknown as Record<
    string,
    number
  >
  return [
    ...(ran.code === 0 ? [] : [`${what}: exit code ${ran.code}: ${shorten(ran.failures)}`]),
    ...(unpredicted ? [`${what}: ${unpredicted} unpredicted`] : []),
    ...(unneeded ? [`${what}: ${unneeded} unneeded`] : []),
    ...(ran.code === 0 && (failed || unreachable) ? [`${what}: exit code 0 with failures`] : []),
  ]
}

/** The dry run said what the run then did. */
export function exact(dry: Ran, ran: Ran): string[] {
  const [planned, did] = [dry.changed.toSorted(), ran.changed.toSorted()]
  return JSON.stringify(planned) === JSON.stringify(did)
    ? []
    : [`the dry run predicted [${planned.join(', ')}], the run did [${did.join(', ')}]`]
}

/** No secret in what a run has said. */
export const silent = (ran: Ran, what: string): string[] =>
  JSON.stringify(ran.events).includes(CANARY) ? [`${what}: a secret in the events`] : []
