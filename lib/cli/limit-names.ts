import { existsSync, readFileSync } from 'node:fs'
import { EXIT, UsageError } from '../errors.ts'
import { matchNames, splitPattern, type PatternScope } from '../inventory/patterns.ts'
import type { Inventory } from '../inventory/types.ts'
import { failedHosts, lastRun, type RunsOf } from '../record/index.ts'

/**
 * The names of the hosts that --limit leaves. Several limits add up, as if they were one pattern: `-l web -l '!web3'`. A term
 * of a pattern may also be `@failed`, the hosts that failed or could not be reached in the last run, and `@FILE`, a file with
 * a pattern per line (empty lines and lines with # are skipped). Throws UsageError when no host is left.
 *
 *     limitNames(inventory, ['@failed', '!db1'], () => ({ dir, inventory: file, command: 'play site' }))
 */
export function limitNames(
  inventory: Inventory,
  limits: readonly string[],
  runs: () => RunsOf,
): ReadonlySet<string> {
  const groups = new Map(inventory.groups)
  const scope: PatternScope = { hosts: inventory.hosts, groups }
  const terms = limits.flatMap(termsOf).map((term, index) => {
    const [, sign = '', name] = /^([!&]?)@(.*)$/s.exec(term) ?? []
    if (name === undefined) return term
    const group = `@${index}`
    groups.set(group, name === 'failed' ? failed(inventory, runs()) : fromFile(scope, name))
    return sign + group
  })
  const names = matchNames(scope, terms.join(','))
  if (names.size === 0) throw new UsageError(`--limit ${limits.join(' --limit ')} matches no host`)
  return names
}

/** A file's name may contain commas and colons, if it is the only term. */
const termsOf = (limit: string): string[] =>
  limit.startsWith('@') && existsSync(limit.slice(1)) ? [limit] : splitPattern(limit)

function failed(inventory: Inventory, of: RunsOf): string[] {
  const { command = '' } = of
  const last = lastRun(of)
  if (!last)
    throw new UsageError(
      `--limit @failed: there is no record of a run of fmc ${command} with ${inventory.file}`,
      {
        hint: `dry runs do not count; records are in ${of.dir}`,
      },
    )
  const all = failedHosts(last)
  const names = all.filter(name => inventory.hosts.has(name))
  if (names.length > 0) return names
  const when = `the last run of fmc ${command} (${last.run.begin})`
  if (all.length > 0)
    throw new UsageError(
      `--limit @failed: the hosts that failed in ${when} are no longer in the inventory: ${all.join(', ')}`,
    )
  const code = last.end()?.exitCode
  throw new UsageError(
    `--limit @failed: in ${when} no host failed${code === undefined || code === EXIT.interrupted || code === EXIT.terminated ? ', but it was interrupted' : ''}`,
    code === 0 ? {} : { hint: `run it again without --limit @failed; its record: ${last.file}` },
  )
}

function fromFile(scope: PatternScope, file: string): string[] {
  const lines = readLines(file)
  const names = new Set<string>()
  const excluded = new Set<string>()
  lines.forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const not = /^![^,:]*$/.test(line)
    try {
      for (const name of matchNames(scope, not ? line.slice(1) : line))
        (not ? excluded : names).add(name)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      throw new UsageError(`${file}:${index + 1}: ${error.message}`, { hint: error.hint })
    }
  })
  return [...names].filter(name => !excluded.has(name))
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch (error) {
    throw new UsageError(
      `--limit @${file}: cannot read the file: ${(error as NodeJS.ErrnoException).code ?? ''}`,
      {
        hint: 'a pattern per line, such as web:!web3; @failed without a file: the hosts that failed in the last run',
      },
    )
  }
}
