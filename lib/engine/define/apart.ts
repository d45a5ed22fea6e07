import type { SelectedPlay } from './select.ts'

/**
 * The plays of a stage in groups that have no host in common: the groups run at the same time, and the plays of a group one
 * after another, in their order. So a host never works on two plays at once.
 */
export function apart(stage: readonly SelectedPlay[]): SelectedPlay[][] {
  let groups: SelectedPlay[][] = []
  for (const play of stage) {
    const shares = (group: readonly SelectedPlay[]): boolean =>
      group.some(p => p.hosts.some(h => play.hosts.includes(h)))
    const joined = [...groups.filter(shares).flat(), play]
    groups = [...groups.filter(g => !shares(g)), joined]
  }
  return groups.map(g => stage.filter(p => g.includes(p)))
}
