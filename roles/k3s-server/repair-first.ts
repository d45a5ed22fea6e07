import { host, hosts } from '../../lib/index.ts'
import { isUp } from '../shared/k3s/server-state.ts'
import { healthyIn, SERVERS, survey } from '../shared/k3s/survey.ts'

/**
 * Rank of this server in a rolling play, lowest first: stopped servers with data (-1), the founder of a new cluster and
 * servers that need repair (0), servers that wait for the founder (1), healthy servers (2).
 */
export async function repairFirst(): Promise<number> {
  const found = await survey()
  const own = found.get(host().name)
  if (typeof own === 'object' && own.healthy) return 2
  if (typeof own === 'object' && own.data) return isUp(own) ? 0 : -1
  return healthyIn(found).length === 0 && hosts(SERVERS)[0]?.name !== host().name ? 1 : 0
}
