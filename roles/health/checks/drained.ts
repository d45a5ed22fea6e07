import type { Finding } from '../../../lib/index.ts'
import { list, type Cloud } from './cloud.ts'

/** Servers that balancers keep out, as a planned restart leaves them when it is interrupted. */
export function drained(c: Cloud): Finding[] {
  return c.hosts.flatMap(({ name }): Finding[] => {
    const found = c.of(name)?.drained ?? []
    if (found.length === 0) return []
    const servers = [...new Set(found.map(f => f.slice(f.indexOf('/') + 1)))].sort()
    return [
      {
        level: 'notice',
        text: `${name} sends no new connections to ${list(servers)}`,
        details: found.map(f => `${f} is in state DRAIN`),
        hint: `an interrupted restart? Run it again, or for K3s servers: fmc play site --limit ${servers.join(',')}`,
      },
    ]
  })
}
