import type { Result } from './resource.ts'
import { scope } from './scope.ts'

/**
 * If this task would change the host, the plan is an estimate (`~`) from here on. Call it where the rest of the role
 * depends on something that can be read only once the task is done, such as the databases of a server that is down.
 * It has no effect in an apply.
 *
 * @example
 * const started = await service('postgresql')
 * estimateFrom(started)
 */
export function estimateFrom({ changed }: Result): void {
  const here = scope()
  if (changed && here.mode !== 'apply') here.markEstimate()
}
