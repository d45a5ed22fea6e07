import { hosts, TaskError, tryOn, type Host } from '../../../lib/index.ts'

/** The K3s server that keeps fmc's manifests: the first of the inventory. */
export function keeper(): Host {
  const [first] = hosts('k3s_servers')
  if (first) return first
  throw new TaskError('the inventory has no host in the group k3s_servers')
}

/**
 * Asks the first K3s server that answers; servers in `avoid` are tried last. If none answers, throws the error of the
 * last one.
 */
export async function onServer<T>(fn: () => Promise<T>, avoid: readonly string[] = []): Promise<T> {
  const all = hosts('k3s_servers')
  const order = [
    ...all.filter(h => !avoid.includes(h.name)),
    ...all.filter(h => avoid.includes(h.name)),
  ]
  let last: unknown = new TaskError('the inventory has no host in the group k3s_servers')
  for (const server of order) {
    const asked = await tryOn(server, fn)
    if (asked.ok) return asked.value
    last = asked.error
  }
  throw last
}
