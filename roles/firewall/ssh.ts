import { decide, excerpt, isLoopback, TaskError, type RuleSet } from '../../lib/index.ts'

/** Prints SSH_CONNECTION of the nearest ancestor process that has it: sudo removes it from the environment of its command. */
export const CLIENT = `p=$$
while [ "$p" -gt 1 ]; do
  line=$(tr '\\0' '\\n' <"/proc/$p/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
  [ -n "$line" ] && { echo "$line"; break; }
  while read -r key value; do [ "$key" = PPid: ] && p=$value && break; done <"/proc/$p/status"
done`

/**
 * Throws TaskError unless the rules let in the connection that fmc is using. `connection` is SSH_CONNECTION: client, its
 * port, server, its port. An empty one passes: fmc then did not come over SSH.
 */
export function stillAdmits(rules: RuleSet, connection: string): void {
  const [from, , to, port] = connection.trim().split(' ')
  if (from === undefined || to === undefined || port === undefined) return
  const hint = 'declare it in firewall_flows: {from: lan, to: <this host>, ports: [22]}'
  if (
    !/^[\da-f:.]{2,45}(%[\w.-]{1,15})?$/i.test(from) ||
    !/^[\d.]{7,15}$|:/.test(to) ||
    !/^\d{1,5}$/.test(port)
  )
    throw new TaskError(`the host's SSH_CONNECTION makes no sense: ${excerpt(connection)}`)
  // fmc runs on this machine: whatever it connects to here, the kernel takes the same address as the source.
  const local = from === to || isLoopback(from)
  if (from.includes(':')) {
    if (local && rules.rules.some(r => r.local && r.verdict === 'accept')) return
    throw new TaskError(`fmc came over IPv6 (${from}), which the firewall drops`, {
      hint: 'ssh: {host: <IPv4 address>}',
    })
  }
  const packet = { from, to, proto: 'tcp', port: Number(port) } as const
  if (decide(rules, 'input', packet).verdict === 'drop')
    throw new TaskError(`no flow lets fmc's own SSH in: ${from} → ${to} port ${port}`, { hint })
}
