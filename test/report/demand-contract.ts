import { contractLine } from '../../lib/report/contract-schema.ts'

const TYPES = new Set(['version', 'start', 'note', 'pass', 'play', 'task', 'host', 'page', 'recap'])

/** Throws if a line that a run has printed with --output json is not what the published schema says. Other lines may be anything. */
export function demandContract(line: unknown): void {
  const { type } = line as { readonly type?: unknown }
  if (typeof type !== 'string' || !TYPES.has(type)) return
  const { error } = contractLine.safeParse(line)
  if (error)
    throw new Error(`not in files/events.schema.json: ${JSON.stringify(line)}\n${error.message}`)
}
