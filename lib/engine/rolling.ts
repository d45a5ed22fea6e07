import type { Host } from '../inventory/types.ts'
import { batches } from './define/batches.ts'
import type { SelectedPlay } from './define/select.ts'
import { asPlay } from './role/play-scope.ts'
import type { Run } from './settings.ts'

/**
 * The hosts of a play in the batches in which they are changed: first, all at once, those that serve nothing; then the
 * others, `serial` at a time; both by the rank of the play's `order`. A host that cannot be asked is left out.
 */
export async function batchesOf(
  run: Run,
  { play: { order, servesNothing, serial } }: SelectedPlay,
  hosts: readonly Host[],
): Promise<readonly (readonly Host[])[]> {
  if (!order && !servesNothing) return batches(hosts, serial)
  const asked = new Map<Host, { readonly rank: number; readonly idle: boolean }>()
  await run.fleet.forks.each(hosts, async host => {
    const connected = run.fleet.get(host)
    asked.set(host, {
      rank: order ? await asPlay(run, connected, order) : 0,
      idle: servesNothing ? await asPlay(run, connected, servesNothing) : false,
    })
  })
  const ordered = hosts
    .filter(h => asked.has(h))
    .sort((a, b) => (asked.get(a)?.rank ?? 0) - (asked.get(b)?.rank ?? 0))
  const idle = ordered.filter(h => asked.get(h)?.idle)
  const others = ordered.filter(h => !idle.includes(h))
  return [...(idle.length > 0 ? [idle] : []), ...batches(others, serial)]
}
