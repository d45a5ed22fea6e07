import { playbookFile, playbookFiles, roleFile } from '../load.ts'
import type { PlanRun } from './work.ts'

/** The files whose code a run loads first. A role's play is that of `site`, if there is one. */
export function entriesOf({ kind, name }: PlanRun, inventoryFile: string): string[] {
  if (kind === 'play') return [playbookFile(name, inventoryFile)]
  const site = playbookFiles(inventoryFile).get('site')
  return [...(site === undefined ? [] : [site]), roleFile(name, inventoryFile)]
}
