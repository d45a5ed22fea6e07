import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { RawInventory, RawValue } from './raw.ts'
import { SecretRef } from './secret-ref.ts'

/** First digits of the sha256 of files/inventory.schema.json without roles: another schema, another cache. */
export const SCHEMA = '0297c7223cdb'

type Stored = readonly [
  path: readonly (string | number)[],
  name: string,
  line: number,
  column: number,
]

/**
 * The parsed data of an inventory that had the right shape when last read, so that an unchanged file needs
 * neither the YAML parser nor zod (~80 ms). One file per inventory; used only if the text is byte for byte the same.
 * A cache that cannot be read or written is no error.
 */
export function readCache(file: string, bytes: Uint8Array): RawInventory | undefined {
  try {
    const text = readFileSync(cachePath(file), 'utf8')
    const end = text.indexOf('\n')
    if (text.slice(0, end) !== digest(bytes)) return undefined
    const { data, secrets } = JSON.parse(text.slice(end)) as {
      data: RawInventory
      secrets: readonly Stored[]
    }
    for (const [path, name, line, column] of secrets)
      setAt(data, path, new SecretRef(name, file, line, column))
    return data
  } catch {
    return undefined
  }
}

export function writeCache(file: string, bytes: Uint8Array, data: RawInventory): void {
  const secrets: Stored[] = []
  collect(data as unknown as RawValue, [], secrets)
  const path = cachePath(file)
  const temporary = `${path}.${process.pid}`
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
    writeFileSync(temporary, `${digest(bytes)}\n${JSON.stringify({ data, secrets })}`, {
      mode: 0o600,
    })
    renameSync(temporary, path)
  } catch {
    // A read-only home: the next run parses again.
  }
}

const digest = (bytes: Uint8Array): string =>
  `${SCHEMA} ${createHash('sha256').update(bytes).digest('hex')}`

function cachePath(file: string): string {
  const base =
    process.env['FMC_CACHE'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'fmc')
  const name = createHash('sha256').update(resolve(file)).digest('hex').slice(0, 16)
  return join(base, 'inventory', `${name}.json`)
}

function collect(value: RawValue, path: readonly (string | number)[], secrets: Stored[]): void {
  if (value instanceof SecretRef) secrets.push([path, value.name, value.line, value.column])
  else if (Array.isArray(value))
    (value as readonly RawValue[]).forEach((item, index) =>
      collect(item, [...path, index], secrets),
    )
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) collect(item, [...path, key], secrets)
}

function setAt(data: unknown, path: readonly (string | number)[], value: SecretRef): void {
  let here = data as Record<string | number, unknown>
  for (const step of path.slice(0, -1)) here = here[step] as Record<string | number, unknown>
  here[path.at(-1) ?? ''] = value
}
