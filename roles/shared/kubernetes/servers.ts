import { hosts, on, TaskError, type Host } from '../../../lib/index.ts'

/** The K3s server that keeps fmc's manifests: the first one of the inventory. */
export function keeper(): Host {
  const [first] = hosts('k3s_servers')
  if (first) return first
  throw new TaskError('the inventory has no host in the group k3s_servers')
}

/**
 * Asks a K3s server: the first one that can be reached, those outside of `avoid` first. What the last one said is
 * thrown when nobody can be asked.
 */
export async function onServer<T>(fn: () => Promise<T>, avoid: readonly string[] = []): Promise<T> {
  const all = hosts('k3s_servers')
  const order = [
    ...all.filter(h => !avoid.includes(h.name)),
    ...all.filter(h => avoid.includes(h.name)),
  ]
  let last: unknown = new TaskError('the inventory has no host in the group k3s_servers')
  for (const server of order)
    try {
      return await on(server, fn)
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') throw error
      last = error
    }
  throw last
}
