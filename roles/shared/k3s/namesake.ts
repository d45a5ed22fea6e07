import type { NodeState } from './server-state.ts'

/**
 * Why a host must not take a Node's place: another machine runs under that name, as one that is Ready at another
 * address tells. undefined: it may. To be asked for a host that is no node itself.
 */
export function namesake(
  nodes: readonly NodeState[],
  self: string,
  address: string,
): string | undefined {
  const node = nodes.find(n => n.name === self)
  return node?.ready && node.address !== '' && node.address !== address
    ? `another machine runs as the node ${self}, at ${node.address}`
    : undefined
}

export const NAMESAKE_HINT =
  'two machines must not have one name: stop K3s there, or correct its address in the inventory'
