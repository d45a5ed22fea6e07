import { readFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { formatProblem } from './problem.ts'
import { shownPath } from '../secrets/secretive.ts'
import type { RawValue } from './raw.ts'

/** A variable of `-e`. */
export interface ExtraVar {
  readonly value: RawValue
  /** `file:line:column` of its name, if it comes from `@file`. */
  readonly at?: string
}

/**
 * The variables of `-e` options; of several with one name the last one counts. An option is `name=value`, with the value read
 * as YAML (8 is a number, "8" a text, [a, b] a list), `@file.yaml`, or a map such as `{a: 1, b: 2}`. Throws UsageError for
 * anything else. The error does not show the option, which may be a misplaced password, unless it is a name in `known`.
 */
export async function parseExtraVars(
  options: readonly string[],
  known: () => Promise<ReadonlySet<string>> = () => Promise.resolve(new Set()),
): Promise<ReadonlyMap<string, ExtraVar>> {
  const vars = new Map<string, ExtraVar>()
  for (const option of options)
    for (const [name, value] of await parseOption(option, known)) vars.set(name, value)
  return vars
}

async function parseOption(
  option: string,
  known: () => Promise<ReadonlySet<string>>,
): Promise<readonly (readonly [name: string, ExtraVar])[]> {
  if (option.startsWith('@')) return parseMap(readVarsFile(option.slice(1)), option.slice(1))
  if (option.startsWith('{')) return parseMap(option, '-e')
  const [, name, text = ''] = /^([^=]*)=([\s\S]*)$/.exec(option) ?? []
  if (name === undefined) {
    const shown = (await known()).has(option) ? ` ${option}` : ''
    throw new UsageError(`-e${shown}: expected name=value`, { hint: HINT })
  }
  checkName(name, '-e', 'the text before the =')
  return [[name, { value: await parseValue(text) }]]
}

async function parseMap(
  text: string,
  from: string,
): Promise<readonly (readonly [name: string, ExtraVar])[]> {
  const { parseSource } = await import('./source.ts')
  const source = parseSource(text, from)
  const { data, problems } = source
  if (problems.length > 0) throw new UsageError(problems.map(formatProblem).join('\n'))
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new UsageError(`${from}: expected a map of variables`)
  for (const name of Object.keys(data))
    checkName(name, from, from === '-e' ? 'a name in the map' : JSON.stringify(name))
  return Object.entries(data as Record<string, RawValue>).map(([name, value]) => {
    if (from === '-e') return [name, { value }]
    const { line, column } = source.at([name], true)
    return [name, { value, at: `${from}:${line}:${column}` }]
  })
}

/** Reads a value as YAML. Anything that YAML does not read as one value, such as `@home` or `a: b`, is text. */
async function parseValue(text: string): Promise<RawValue> {
  if (text === '') return ''
  const { parseSource } = await import('./source.ts')
  const { data, problems } = parseSource(text, '-e')
  const collection = typeof data === 'object' && data !== null && /^[^[{!]/.test(text.trimStart())
  return problems.length > 0 || collection ? text : data
}

const HINT = 'write -e name=value, -e @file.yaml or -e "{name: value}"'

function checkName(name: string, from: string, shown: string): void {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && name !== '__proto__') return
  throw new UsageError(`${from}: ${shown} is not a variable name`, { hint: HINT })
}

function readVarsFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(
      `-e @…: cannot read ${shownPath(file)}: ${(error as NodeJS.ErrnoException).code ?? ''}`,
    )
  }
}
