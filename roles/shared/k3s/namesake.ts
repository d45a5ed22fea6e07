import type { NodeState } from './server-state.ts'

/**
 * Why a host that is not a node must not join under its name: another machine runs as that Node, which is Ready at
 * another address, or this address is that of another Node, which is Ready. undefined: it may join.
 */
export function namesake(
  nodes: readonly NodeState[],
  self: string,
  address: string,
): string | undefined {
  const node = nodes.find(n => n.name === self)
  if (node?.ready && node.address !== '' && node.address !== address)
    return `another machine runs as the node ${self}, at ${node.address}`
  const other = nodes.find(n => n.name !== self && n.ready && n.address === address)
  return other && `the cluster has a node at ${address} already: ${other.name}, which is Ready`
}

export const NAMESAKE_HINT =
  'one machine, one name, one address: rename the host or correct its address in the inventory, or stop K3s on the other machine'
