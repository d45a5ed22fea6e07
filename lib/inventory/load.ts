/** The inventory: from YAML with line numbers to typed hosts, groups and variables; host patterns; lint. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { demandTrust } from '../trust.ts'
import { readCache, writeCache } from './cache.ts'
import { checkInventory } from './check.ts'
import { distinct, problemsError, type UnplacedProblem, type Problem } from './problem.ts'
import type { RawInventory } from './raw.ts'
import { resolveInventory } from './resolve.ts'
import { ruled } from './rules.ts'
import type { Source } from './source.ts'
import type { Inventory } from './types.ts'

const MAX_BYTES = 16 * 1024 * 1024

interface LoadOptions {
  /** Variables of `-e` (parseExtraVars()); they override all others on every host. */
  readonly extraVars?: Readonly<Record<string, unknown>> | undefined
  /** Use cache.ts; default true. */
  readonly cache?: boolean | undefined
}

/**
 * Loads an inventory. Its `!secret` values are SecretRefs until resolveSecrets() replaces them. Throws one UsageError with all
 * problems, each with file:line:column. Throws UsageError too when another user owns or may write the file, because it
 * decides where secrets go and which host keys fmc trusts.
 */
export async function loadInventory(file: string, options: LoadOptions = {}): Promise<Inventory> {
  const bytes = readInventoryFile(file)
  demandTrust(`the inventory ${file}`, [file], dirname(resolve(file)))
  const known = options.cache === false ? undefined : fromCache(file, bytes, options.extraVars)
  if (known !== undefined) return known

  const { raw, problems } = await readInventory(file, bytes)
  const errors = problems.filter(isError)
  if (raw === undefined || errors.length > 0) throw problemsError(errors)
  if (options.cache !== false) writeCache(file, bytes, raw)
  return resolveInventory(raw, file, options.extraVars)
}

/** Undefined also when the cache contains anything but what writeCache() has written. */
function fromCache(
  file: string,
  bytes: Uint8Array,
  extraVars: LoadOptions['extraVars'],
): Inventory | undefined {
  try {
    const known = readCache(file, bytes)
    if (known === undefined || checkInventory(known).some(isError)) return undefined
    return resolveInventory(known, file, extraVars)
  } catch {
    return undefined
  }
}

/** A file with all its problems. `raw` is defined if its shape is valid, whatever else is wrong. */
export async function readInventory(
  file: string,
  bytes: Uint8Array = readInventoryFile(file),
): Promise<{ raw: RawInventory | undefined; source: Source; problems: readonly Problem[] }> {
  const { parseSource } = await import('./source.ts')
  const source = parseSource(decode(file, bytes), file)
  if (source.problems.length > 0) return { raw: undefined, source, problems: source.problems }
  if (source.data === null) {
    const message = 'the inventory is empty'
    const hint = 'it needs timezone, domain, networks and hosts'
    const rule = 'schema'
    return {
      raw: undefined,
      source,
      problems: [source.problem({ severity: 'error', rule, path: [], message, hint })],
    }
  }
  const { inventorySchema } = await import('./schema.ts')
  const { zodProblems } = await import('./zod-problems.ts')
  const parsed = inventorySchema.safeParse(source.data)
  const issues = parsed.success ? [] : parsed.error.issues
  const findings: UnplacedProblem[] = ruled(
    'schema',
    zodProblems(inventorySchema, source.data, issues),
  )
  const shaped = issues.every(issue => issue.code === 'unrecognized_keys')
  const raw = shaped ? (source.data as unknown as RawInventory) : undefined
  if (raw !== undefined) findings.push(...checkInventory(raw))
  return { raw, source, problems: distinct(findings.map(finding => source.problem(finding))) }
}

const isError = ({ severity }: { readonly severity: string }): boolean => severity === 'error'

function readInventoryFile(file: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(
      code === 'ENOENT'
        ? `there is no inventory ${file}`
        : `cannot read the inventory ${file}: ${code ?? String(error)}`,
      {
        hint: `name another one with -i FILE${code === 'ENOENT' ? ', or make a project: fmc init my-cloud' : ''}`,
      },
    )
  }
  if (bytes.length > MAX_BYTES)
    throw new UsageError(`the inventory ${file} is larger than ${MAX_BYTES / 1024 / 1024} MB`)
  return bytes
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const line = firstBadLine(bytes)
    throw new UsageError(`${file}:${line}:1: error: this line is not UTF-8`, {
      hint: 'save the file as UTF-8',
    })
  }
}

function firstBadLine(bytes: Uint8Array): number {
  let line = 1
  for (let start = 0; start <= bytes.length; line++) {
    const newline = bytes.indexOf(10, start)
    const end = newline < 0 ? bytes.length : newline
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end))
    } catch {
      return line
    }
    start = end + 1
  }
  return line
}
