/* Hosts' output is data: these functions check it before a role uses it. */
import type { z } from 'zod'
import { TaskError } from '../errors.ts'

/** Most characters of a JSON answer. A thousand pods take about ten million. */
const MOST_TEXT = 16 * 1024 * 1024
/** Most commas and opening brackets in it: each may become an object of its own. */
const MOST_PARTS = 3_000_000
/** Most values and levels that a schema checks at once. A pod has a few hundred values on a dozen levels. */
const MOST_VALUES = 100_000
const MOST_LEVELS = 64
const SHOWN = 120

/**
 * The first 120 characters of a host's output, made safe for one line of an error message: printable ASCII, with escapes as in
 * JSON and ? for everything else.
 *
 * @param most - characters that are shown, if not 120
 *
 * @example
 * const { stdout } = await probe`k3s --version`
 * if (!/^k3s version v/.test(stdout)) throw new TaskError(`no version: ${excerpt(stdout)}`)
 */
export const excerpt = (text: string, most = SHOWN): string =>
  text === ''
    ? '(nothing)'
    : JSON.stringify(text.slice(0, most))
        .slice(1, -1)
        .replace(/[^\x20-\x7e]/g, '?') + (text.length > most ? ' …' : '')

/**
 * Makes the error for host output that a parser does not understand; throw it.
 *
 * @param program - the program that has printed it, such as kubectl
 * @param what - what the role asked it for, such as "the nodes"
 * @param got - the wrong part; the message has an excerpt of it
 * @param why - what is wrong with it, if that is not obvious
 *
 * @example
 * const { stdout } = await probe`systemctl show -p NRestarts k3s`
 * const restarts = /^NRestarts=(\d+)$/m.exec(stdout)?.[1]
 * if (restarts === undefined) throw nonsense('systemctl', 'the restarts of k3s', stdout)
 */
export const nonsense = (program: string, what: string, got: string, why?: string): TaskError =>
  new TaskError(
    `${program} gave an unexpected answer when asked for ${what}: ${excerpt(got)}${why === undefined ? '' : ` (${why})`}`,
  )

/**
 * Parses JSON from a host and checks it with a zod schema. Size, depth and number of values are limited (16 million
 * characters, 64 levels, 100,000 values), so that no answer costs more than a second.
 *
 * @param program - the program that has printed it, for the error
 * @param what - what the role asked it for, for the error
 * @throws TaskError, the one of `nonsense`, and nothing else.
 *
 * @example
 * const { stdout } = await probe`ip -j link show lo`
 * const [lo] = hostJson('ip', 'the loopback', stdout, z.array(z.object({ mtu: z.int() })))
 */
export function hostJson<T>(program: string, what: string, text: string, schema: z.ZodType<T>): T {
  return checked(program, what, parsed(program, what, text), schema, '')
}

/**
 * Like `hostJson`, for a JSON object with a list `items`, such as kubectl prints; the schema is that of one item. The limit
 * of 100,000 values is per item.
 *
 * @throws TaskError, the one of `nonsense`, and nothing else.
 *
 * @example
 * const Node = z.object({ metadata: z.object({ name: z.string() }) })
 * const { stdout } = await probe`k3s kubectl get nodes -o json`
 * const names = hostItems('kubectl', 'the nodes', stdout, Node).map(node => node.metadata.name)
 */
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
  if (!Array.isArray(items)) throw nonsense(program, what, text, 'this is not a list of items')
  // One by one: a schema of the whole list would check all items before it fails.
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
    throw nonsense(program, what, text, 'this is not JSON')
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
