import { readParsed, writeParsed } from '../parse-cache.ts'
import type { RawInventory, RawValue } from './raw.ts'
import { SecretRef } from './secret-ref.ts'

/** First digits of the sha256 of files/inventory.schema.json without roles: a new schema makes cached data invalid. */
export const SCHEMA = '955b1ae891ca'

type Stored = readonly [
  path: readonly (string | number)[],
  name: string,
  line: number,
  column: number,
]

/** The data of an unchanged inventory that was valid when last read; saves loading the YAML parser and zod (~80 ms). */
export function readCache(file: string, bytes: Uint8Array): RawInventory | undefined {
  const found = readParsed('inventory', file, bytes, SCHEMA)
  if (found === undefined) return undefined
  const { data, secrets } = found as { data: RawInventory; secrets: readonly Stored[] }
  for (const [path, name, line, column] of secrets)
    setAt(data, path, new SecretRef(name, file, line, column))
  return data
}

/** Remembers the data of a valid inventory. */
export function writeCache(file: string, bytes: Uint8Array, data: RawInventory): void {
  const secrets: Stored[] = []
  collect(data as unknown as RawValue, [], secrets)
  writeParsed('inventory', file, bytes, SCHEMA, { data, secrets })
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
