import { UsageError } from '../errors.ts'
import type { Place } from './model.ts'

/** Most names that one pattern may stand for. */
const MOST_NAMES = 100_000

interface Expanded {
  readonly names: readonly string[]
  readonly port?: number | undefined
  /** What to say about the pattern, if anything. */
  readonly note?: string | undefined
}

/**
 * The hosts of `web[1:3].example.com:2222` and their port, as Ansible expands them (plugins/inventory/__init__.py): what is no
 * address and no DNS name is a name all the same. Throws a UsageError with file:line for what Ansible refuses, without
 * repeating the line, which may have a password.
 */
export function expandHosts(pattern: string, place: Place): Expanded {
  const wrong = (why: string): UsageError => new UsageError(`${place.file}:${place.line}: ${why}`)
  if (pattern.includes('='))
    throw wrong('a host is expected before key=value (or is the section a [group:vars]?)')
  const { host, port } = addressOf(pattern)
  if (pattern === '---' || pattern === '') throw wrong('a host is expected here')
  if (pattern.endsWith(':') && port === undefined)
    throw wrong('a host is expected here, and its name cannot end with ":"')
  const names = expand(host, wrong)
  return {
    names,
    ...(port !== undefined && { port }),
    ...(names.length === 0 && { note: 'the range has no members, in Ansible too' }),
  }
}

/** The name and the port, where Ansible can tell them apart (parsing/utils/addresses.py). */
function addressOf(pattern: string): { host: string; port?: number } {
  const [, host, port] =
    /^\[(.+)\]:(\d+)$/.exec(pattern) ?? /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/.exec(pattern) ?? []
  const alone = host ?? pattern
  if (!ADDRESSES.some(a => a.test(alone))) return { host: pattern }
  return port === undefined ? { host: alone } : { host: alone, port: Number(port) }
}

const DIGITS = String.raw`\[\d+:\d+(?::\d+)?\]`
const LETTERS = String.raw`\[(?:[a-z]:[a-z]|\d+:\d+)(?::\d+)?\]`
const BYTE = String.raw`(?:[01]?\d{1,2}|2[0-4]\d|25[0-5]|${DIGITS})`
const LABEL = String.raw`(?:[\p{L}\p{N}_]|${LETTERS})(?:[\p{L}\p{N}_-]|${LETTERS})*(?<![_-])`
const ADDRESSES = [
  new RegExp(String.raw`^(?:${BYTE}\.){3}${BYTE}$`),
  /^(?=.*:.*:)(?:[\da-f.:]|\[[\da-f]+:[\da-f]+(?::\d+)?\])+$/i,
  new RegExp(String.raw`^${LABEL}(?:\.${LABEL})*$`, 'iu'),
]

const ASCII = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

function expand(pattern: string, wrong: (why: string) => UsageError): string[] {
  if (pattern.length > 1024) throw wrong('this name is longer than 1,024 characters')
  const parts: (readonly string[])[] = []
  let rest = pattern
  let count = 1
  while (rest.includes('[')) {
    const [, head = '', range, tail = ''] = /^([^[]*)\[([^\]]*)\](.*)$/s.exec(rest) ?? []
    if (range === undefined || head.includes(']') || (head + range + tail).includes('|'))
      throw wrong('a host is expected here: the range [first:last] is not closed')
    const values = rangeOf(range, wrong)
    count *= values.length
    if (count > MOST_NAMES) throw wrong('this stands for more than 100,000 hosts')
    parts.push([head], values)
    rest = tail
  }
  return [...parts, [rest]].reduce<string[]>(
    (names, values) => names.flatMap(name => values.map(value => name + value)),
    [''],
  )
}

function rangeOf(range: string, wrong: (why: string) => UsageError): string[] {
  const bounds = range.split(':')
  const [first = '', last = '', by = '1'] = bounds
  if (bounds.length < 2 || bounds.length > 3)
    throw wrong(`the range [${range}] is not [first:last] or [first:last:step]`)
  if (last === '') throw wrong(`the range [${range}] does not say where it ends`)
  const from = first === '' ? '0' : first
  const width = /^0./.test(from) ? from.length : 0
  if (width > 0 && last.length !== width)
    throw wrong(`the range [${range}]: both ends need the same number of digits`)
  const step = whole(by)
  if (step === undefined || step === 0) throw wrong(`the range [${range}] has no step of 1 or more`)
  const letters = [ASCII.indexOf(from), ASCII.indexOf(last)] as const
  if (letters[0] >= 0 && letters[1] >= 0) {
    if (letters[0] > letters[1]) throw wrong(`the range [${range}] has no members`)
    return everyNth(Array.from(ASCII.slice(letters[0], letters[1] + 1)), step)
  }
  const [start, end] = [whole(from), whole(last)]
  if (start === undefined || end === undefined)
    throw wrong(`the range [${range}] is neither of numbers nor of letters`)
  const count = Math.floor((end - start) / step) + 1
  if (count > MOST_NAMES) throw wrong('this stands for more than 100,000 hosts')
  return Array.from({ length: Math.max(0, count) }, (_, i) => {
    const text = String(start + i * step)
    return text.startsWith('-')
      ? `-${text.slice(1).padStart(width - 1, '0')}`
      : text.padStart(width, '0')
  })
}

const everyNth = (values: readonly string[], step: number): string[] =>
  (step < 0 ? values.toReversed() : values).filter((_, i) => i % Math.abs(step) === 0)

const whole = (text: string): number | undefined => {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : undefined
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined
}
