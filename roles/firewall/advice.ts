import {
  decide,
  isLoopback,
  rulesOf,
  TaskError,
  type Advice,
  type Advisor,
} from '../../lib/index.ts'
import type { Vars } from './vars.ts'

/** Errors of `fmc lint`: a flow that cannot be compiled, and flows that let no SSH in. */
export function advise({ vars, host, inventory }: Advisor<Vars>): readonly Advice[] {
  const error = (message: string, hint?: string): Advice[] => {
    const [, variable = 'firewall_flows', index] = /^(\w+)(?:\[(\d+)\])?: /.exec(message) ?? []
    const within = index === undefined ? [] : [Number(index)]
    return [{ severity: 'error', variable, within, message, hint }]
  }
  try {
    const rules = rulesOf(inventory, host, vars)
    if (isLoopback(host.address)) return []
    const ssh = rules.rules.filter(
      r =>
        r.chain === 'input' &&
        r.verdict === 'accept' &&
        !r.local &&
        r.match !== 'ping' &&
        r.match !== 'vrrp',
    )
    const port = host.ssh.port
    const admits = ssh.some(({ from }) => {
      const [first] = from.is === 'in' ? from.blocks : []
      const client =
        first === undefined ? '203.0.113.1' : dotted(first.base + (first.prefix < 31 ? 1 : 0))
      const packet = { from: client, to: host.address, proto: 'tcp', port } as const
      return decide(rules, 'input', packet).verdict === 'accept'
    })
    if (admits) return []
    return error(
      `no flow lets SSH (port ${port}) in to ${host.name}: fmc would lock itself out`,
      `add {from: lan, to: ${host.name}, ports: [${port}]}`,
    )
  } catch (cause) {
    if (!(cause instanceof TaskError)) throw cause
    return error(cause.message, cause.hint)
  }
}

const dotted = (n: number): string => [24, 16, 8, 0].map(s => (n >>> s) & 255).join('.')
