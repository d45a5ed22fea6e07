import type { NodeState } from './server-state.ts'

/**
 * Why a host that is not a node must not join under its name: another machine runs as that Node, which is Ready at
 * another address. undefined: it may join.
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
  'two machines must not have the same name: stop K3s on the other one, or correct the address in the inventory'
