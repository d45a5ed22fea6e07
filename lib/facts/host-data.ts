import type { z } from 'zod'
import { TaskError } from '../errors.ts'

/** Characters of a JSON answer. A thousand pods are about ten million. */
const MOST_TEXT = 16 * 1024 * 1024
/** Commas and brackets in it: each may become an object of its own. */
const MOST_PARTS = 3_000_000
/** Values in what a schema looks at in one go, and levels. A pod has some hundred values on a dozen levels. */
const MOST_VALUES = 100_000
const MOST_LEVELS = 64
const SHOWN = 120

/** The beginning of a host's text for one line of an error: printable ASCII, escapes as in JSON, ? for all else. */
export const excerpt = (text: string): string =>
  text === ''
    ? '(nothing)'
    : JSON.stringify(text.slice(0, SHOWN))
        .slice(1, -1)
        .replace(/[^\x20-\x7e]/g, '?') + (text.length > SHOWN ? ' …' : '')

/**
 * The error of every parser of host output: what `program` answered to the question for `what` makes no sense. `got` is
 * the part in question, of which an excerpt is shown; `why` says what is wrong with it.
 */
export const nonsense = (program: string, what: string, got: string, why?: string): TaskError =>
  new TaskError(
    `${program} answered something unexpected to the question for ${what}: ${excerpt(got)}${why === undefined ? '' : ` (${why})`}`,
  )

/**
 * JSON that a host printed, checked by a schema. Bounded in size, in depth and in number of values, so that no answer
 * costs more than a second. Throws the TaskError of `nonsense`, and nothing else.
 */
export function hostJson<T>(program: string, what: string, text: string, schema: z.ZodType<T>): T {
  return checked(program, what, parsed(program, what, text), schema, '')
}

/** The `items` of a list that a host printed as JSON, as kubectl does; otherwise as hostJson. */
export function hostItems<T>(
  program: string,
  what: string,
  text: string,
  schema: z.ZodType<T>,
): readonly T[] {
  const list = parsed(program, what, text)
  const items =
    typeof list === 'object' && list !== null && Object.hasOwn(list, 'items')
      ? (list as { readonly items: unknown }).items
      : undefined
  if (!Array.isArray(items)) throw nonsense(program, what, text, 'this is no list of items')
  // One by one: a schema of the whole list would report every wrong item before it gives up.
  return items.map((item: unknown, n) => checked(program, what, item, schema, `items.${n}`))
}

/** , [ { */
const isPart = (code: number): boolean => code === 0x2c || code === 0x5b || code === 0x7b

function parsed(program: string, what: string, text: string): unknown {
  if (text.length > MOST_TEXT)
    throw nonsense(program, what, text, `${text.length} characters are more than ${MOST_TEXT}`)
  let parts = 0
  for (let at = 0; at < text.length; at++)
    if (isPart(text.charCodeAt(at)) && ++parts > MOST_PARTS)
      throw nonsense(program, what, text, `more than ${MOST_PARTS} values`)
  try {
    return JSON.parse(text)
  } catch {
    throw nonsense(program, what, text, 'this is no JSON')
  }
}

function checked<T>(
  program: string,
  what: string,
  value: unknown,
  schema: z.ZodType<T>,
  where: string,
): T {
  const size = tooLarge(value)
  if (size !== undefined) throw nonsense(program, what, where, size)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const path = issue?.path ?? []
  const at = [where, ...path.map(String)].filter(Boolean).join('.')
  throw nonsense(
    program,
    what,
    `${at}: ${shown(valueAt(value, path))}`,
    issue?.message.replace(/^Invalid input: (expected \w+).*/, '$1'),
  )
}

function tooLarge(value: unknown): string | undefined {
  let left = MOST_VALUES
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return `more than ${MOST_LEVELS} levels`
    left -= level.length
    if (left < 0) return `more than ${MOST_VALUES} values`
    level = level.flatMap(v =>
      typeof v === 'object' && v !== null ? (Object.values(v) as unknown[]) : [],
    )
  }
  return undefined
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (v, key) =>
      typeof v === 'object' && v !== null && Object.hasOwn(v, key)
        ? (v as Readonly<Record<PropertyKey, unknown>>)[key]
        : undefined,
    value,
  )

const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : JSON.stringify(value)
}
