import { UsageError } from '../../errors.ts'
import type { Play } from './playbook.ts'

/** Splits hosts as Ansible's `serial` does: by numbers or shares, repeating the last one. A share is at least one host. Throws UsageError. */
export function batches<T>(hosts: readonly T[], serial: Play['serial']): T[][] {
  if (serial === undefined) return hosts.length === 0 ? [] : [[...hosts]]
  const sizes = (Array.isArray(serial) ? serial : [serial]).map(s =>
    sizeOf(s as number | string, hosts.length),
  )
  const result: T[][] = []
  for (let at = 0, i = 0; at < hosts.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? 1
    result.push(hosts.slice(at, at + size))
    at += size
  }
  return result
}

function sizeOf(serial: number | string, total: number): number {
  const share = /^(\d+(?:\.\d+)?)%$/.exec(String(serial))
  const size = share ? Math.max(1, Math.floor((total * Number(share[1])) / 100)) : Number(serial)
  if (!Number.isInteger(size) || size < 1)
    throw new UsageError(
      `serial: ${JSON.stringify(serial)} is not a number of hosts or a share such as '30%'`,
    )
  return size
}
