import { readFileSync } from 'node:fs'
import type { FilePlace } from '../report/sarif-log.ts'

/**
 * Where an inventory has a host: the line of its name. Without a host, or with one that the file does not have: the file as a
 * whole. For reports that show failures beside the file.
 */
export async function inventoryPlaces(file: string): Promise<(host?: string) => FilePlace> {
  const { parseSource } = await import('../inventory/source.ts')
  const source = parseSource(readFileSync(file, 'utf8'), file)
  const whole = { file, line: 0, column: 0 }
  const { data } = source
  const hosts = typeof data === 'object' && data !== null && 'hosts' in data ? data.hosts : {}
  return host =>
    host !== undefined && typeof hosts === 'object' && hosts !== null && Object.hasOwn(hosts, host)
      ? { file, ...source.at(['hosts', host], true) }
      : whole
}
