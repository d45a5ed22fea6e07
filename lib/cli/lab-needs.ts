import type { Playbook } from '../engine/define/playbook.ts'
import { select } from '../engine/define/select.ts'
import { loadInventory } from '../inventory/load.ts'
import type { RunNeeds } from '../lab/index.ts'
import type { PlayOptions } from './commands/play.ts'
import { limitNames } from './limit-names.ts'

/**
 * What a playbook with these options needs of a lab: the roles that it runs and, with --limit, the hosts that it leaves. The lab
 * that is to come decides what @failed is, so then nothing is known. Throws UsageError as the run itself would.
 */
export async function labNeeds(book: Playbook, o: PlayOptions): Promise<RunNeeds> {
  if (o.limit?.some(limit => limit.includes('@failed'))) return {}
  const inventory = await loadInventory(o.inventory)
  const limit =
    o.limit &&
    limitNames(inventory, o.limit, () => ({ dir: '', inventory: inventory.file, command: '' }))
  const stages = select(inventory, book, {
    ...{ limit, tags: o.tags, skipTags: o.skipTags, role: o.role, skip: new Map() },
    startAt: o.startAt?.split('/')[0],
  })
  const plays = stages.flat()
  const names = (list: readonly { readonly name: string }[]): string[] => [
    ...new Set(list.map(({ name }) => name)),
  ]
  return {
    hosts: limit || o.pattern !== undefined ? names(plays.flatMap(p => p.hosts)) : undefined,
    roles: names(plays.flatMap(p => p.roles)),
  }
}
