import { Kept, Unfit } from './model.ts'
import { exactFloat, exactInteger } from './numbers.ts'

/** Why Ansible would refuse the file. */
export class Refusal extends Error {}

/** The value of a scalar, and what its reader should know about it. */
export interface Resolved {
  readonly value: unknown
  readonly note?: string | undefined
}

type Kind = 'bool' | 'float' | 'int' | 'null' | 'timestamp' | 'merge' | 'value' | 'str' | 'binary'

/** What a plain scalar is: PyYAML's resolver.py (YAML 1.1), in its order. */
const KINDS: readonly (readonly [Kind, RegExp])[] = [
  ['bool', /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    'float',
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    'int',
    /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  ['merge', /^<<$/],
  ['null', /^(?:~|null|Null|NULL|)$/],
  [
    'timestamp',
    /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
  ],
  ['value', /^=$/],
]

/** JSON's numbers and words: Ansible reads a file that is JSON as JSON (parsing/utils/yaml.py). */
export function jsonScalar(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'null') return null
  return /[.eE]/.test(text) ? exactFloat(Number(text)) : exactInteger(BigInt(text))
}

/** A plain scalar as PyYAML resolves and constructs it. Throws Refusal where PyYAML refuses. */
export const plainScalar = (text: string): Resolved =>
  construct(KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'str', text)

const TAG = 'tag:yaml.org,2002:'

/** A scalar with a tag such as `!!int`. Throws Refusal for a tag that Ansible does not know. */
export function taggedScalar(tag: string, text: string): Resolved {
  const kind = tag.startsWith(TAG) ? tag.slice(TAG.length) : undefined
  if (kind !== undefined && Object.hasOwn(CONSTRUCT, kind)) return construct(kind as Kind, text)
  throw new Refusal('Ansible does not know this tag')
}

const construct = (kind: Kind, text: string): Resolved => CONSTRUCT[kind](text)

const CONSTRUCT: Readonly<Record<Kind, (text: string) => Resolved>> = {
  str: value => ({ value }),
  null: () => ({ value: null }),
  bool: text => {
    const value = /^(yes|true|on)$/i.test(text)
    if (!value && !/^(no|false|off)$/i.test(text)) throw new Refusal('this is not true or false')
    return { value }
  },
  int: integer,
  float,
  timestamp,
  binary: () => ({ value: new Unfit('bytes (!!binary), which no inventory of fmc can hold') }),
  merge: () => {
    throw new Refusal('Ansible refuses the bare text <<: put it into quotes')
  },
  value: () => {
    throw new Refusal('Ansible refuses the bare text =: put it into quotes')
  },
}

function integer(source: string): Resolved {
  const text = source.replaceAll('_', '')
  const [, sign = '', size = ''] = /^([-+]?)(.*)$/s.exec(text) ?? []
  const digits = size === '0' ? '0' : size.replace(/^0(?=[0-7]+$)/, '0o')
  const signed = (value: bigint): bigint => (sign === '-' ? -value : value)
  if (digits.includes(':')) {
    const parts = digits.split(':')
    if (!parts.every(part => /^\d+$/.test(part))) throw new Refusal('this is not a whole number')
    const value = exactInteger(signed(parts.reduce((sum, part) => sum * 60n + BigInt(part), 0n)))
    return { value, note: base60(source, value) }
  }
  if (!/^(0b[01]+|0x[\da-f]+|0o[0-7]+|\d+)$/i.test(digits) || /^0\d/.test(digits))
    throw new Refusal('this is not a whole number')
  return { value: exactInteger(signed(BigInt(digits))) }
}

function float(source: string): Resolved {
  const text = source.replaceAll('_', '').toLowerCase()
  const [, sign = '', size = ''] = /^([-+]?)(.*)$/s.exec(text) ?? []
  const signed = (value: number): number | Kept => exactFloat(sign === '-' ? -value : value)
  if (size === '.inf') return { value: signed(Infinity) }
  if (size === '.nan') return { value: NaN }
  const parts = size
    .split(':')
    .map(part => (/^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(part) ? Number(part) : NaN))
  if (parts.some(Number.isNaN)) throw new Refusal('this is not a number')
  if (parts.length === 1) return { value: signed(parts[0] ?? 0) }
  // PyYAML adds from the right, which decides the last bit.
  const sum = parts.reverse().reduce((all, part, n) => all + part * 60 ** n, 0)
  const value = signed(sum)
  return { value, note: base60(source, value) }
}

const base60 = (source: string, value: number | Kept): string =>
  `YAML 1.1 reads ${source} in base 60, so Ansible has ${value instanceof Kept ? value.text : value}: quote it if you mean a time`

const TIME =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)?$/

/** A date stays its text; a time becomes the text that Ansible shows (datetime.isoformat). */
function timestamp(source: string): Resolved {
  const found = TIME.exec(source)
  if (found === null) throw new Refusal('this is not a time')
  const [, year = '', month = '', day = '', hour, minute = '', second = '', fraction = ''] = found
  const [zone, sign = '', zoneHour = '', zoneMinute = '0'] = found.slice(8)
  const [y, mo, d, h, mi, s] = [year, month, day, hour ?? 0, minute, second].map(Number) as [
    ...[number, number, number, number, number, number],
  ]
  const last = new Date(Date.UTC(2000 + (y % 400), mo, 0)).getUTCDate()
  const minutes = Number(zoneHour) * 60 + Number(zoneMinute)
  if (
    y < 1 ||
    mo < 1 ||
    mo > 12 ||
    d < 1 ||
    d > last ||
    h > 23 ||
    mi > 59 ||
    s > 59 ||
    minutes >= 1440
  )
    throw new Refusal('this is not a date of the calendar: put it into quotes if you mean a text')
  const two = (part: number): string => String(part).padStart(2, '0')
  const date = `${year}-${two(mo)}-${two(d)}`
  const micro = fraction.slice(0, 6).padEnd(6, '0')
  const offset =
    zone === undefined
      ? ''
      : zone === 'Z' || minutes === 0
        ? '+00:00'
        : `${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  const text =
    hour === undefined
      ? date
      : `${date}T${two(h)}:${two(mi)}:${two(s)}${Number(micro) > 0 ? `.${micro}` : ''}${offset}`
  return { value: text === source ? text : new Kept(text, 'a time') }
}
