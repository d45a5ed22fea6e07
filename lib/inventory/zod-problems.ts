import type { z } from 'zod'
import { suggestion } from '../text/nearest.ts'
import { formatPath, type UnplacedProblem, type Path } from './problem.ts'
import { isSecretive, withoutSecrets } from '../secrets/secretive.ts'
import { Secret } from '../secrets/secret.ts'

type Issue = z.core.$ZodIssue

/**
 * The issues of a zod schema in words. `at`: the place of the value in the file. A message does not show a value where a secret
 * belongs, under a name that sounds like a secret, and where `hidden` says so (it came from the command line).
 */
export function zodProblems(
  schema: z.ZodType,
  value: unknown,
  issues: readonly Issue[],
  at: Path = [],
  hidden: (path: Path) => boolean = () => false,
): UnplacedProblem[] {
  return issues.flatMap(issue => findings(schema, value, issue, at, hidden))
}

function findings(
  schema: z.ZodType,
  root: unknown,
  raw: Issue,
  at: Path,
  hidden: (path: Path) => boolean,
): UnplacedProblem[] {
  const inner = raw.path.map(step => (typeof step === 'symbol' ? String(step) : step))
  const path = [...at, ...inner]
  const issue = isSecretSchema(schemaAt(schema, inner)) ? secretIssue(raw) : raw
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({
      severity: 'error',
      path: [...path, key],
      key: true,
      message: `unknown key ${key}`,
      hint: unknownKeyHint(schema, inner, key, valueAt(root, [...inner, key])),
    }))
  if (issue.code === 'invalid_key')
    return [
      {
        severity: 'error',
        path,
        key: true,
        message: `bad name ${String(inner.at(-1))}`,
        hint: issue.issues[0]?.message,
      },
    ]
  const value = valueAt(root, inner)
  if (value === undefined && inner.length > 0)
    return [
      {
        severity: 'error',
        path: path.slice(0, -1),
        key: true,
        message: `${String(inner.at(-1))} is missing`,
        hint: `expected ${expected(issue)}`,
      },
    ]
  const hide =
    wantsSecret(issue) || takesSecret(schemaAt(schema, inner)) || isSecretive(path) || hidden(path)
  return [
    {
      severity: 'error',
      path,
      message: `${formatPath(path) || 'the file'}: ${wrong(issue, hide ? kindOf(value) : show(value))}`,
      hint: hintFor(issue, hide ? undefined : schemaAt(schema, inner), value),
    },
  ]
}

/** What is wrong; `got` describes the value. A schema's own message that does not say what it expected stands alone. */
function wrong(issue: Issue, got: string): string {
  const own = issue.code === 'custom' && !/^(Invalid input$|expected )/i.test(issue.message)
  return own ? issue.message : `expected ${expected(issue)}, got ${got}`
}

/** What a valid value would be, to follow the word "expected". */
function expected(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected)
    case 'invalid_value':
      return issue.values.map(String).join(' or ')
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${count(issue.minimum, issue.origin)}`
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${count(issue.maximum, issue.origin)}`
    case 'invalid_union':
      return unionExpected(issue)
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`
    case 'invalid_format':
      return ownWords(issue.message) ?? `a valid ${issue.format}`
    default:
      return ownWords(issue.message) ?? 'another value'
  }
}

/** What a message of the schema itself, "expected …", expects; undefined for zod's own messages, such as "Invalid input". */
const ownWords = (message: string): string | undefined =>
  /^(?:Invalid input: )?expected (.+)$/is.exec(message)?.[1]

function unionExpected(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  const parts = issue.errors.flatMap(branch => branch.slice(0, 1).map(expected))
  return [...new Set(parts)].join(' or ') || 'another value'
}

const count = (number: number | bigint, origin: string): string => {
  const unit = origin === 'string' ? ' character' : origin === 'array' ? ' item' : ''
  return `${number}${unit}${unit === '' || Number(number) === 1 ? '' : 's'}`
}

const ARTICLES: Readonly<Record<string, string>> = {
  record: 'a map',
  object: 'a map',
  array: 'a list',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  Secret: 'a secret (!secret name)',
}

const article = (type: string): string => ARTICLES[type] ?? `a ${type}`

/**
 * May a secret belong here? Then a plain text is probably one, and must not be printed. zod forgets what `z.instanceof(Secret)`
 * expects once it has a description, so every issue without words of its own counts.
 */
const wantsSecret = (issue: Issue): boolean =>
  (issue.code === 'invalid_type' && issue.expected === 'Secret') ||
  (issue.code === 'custom' && issue.message === 'Invalid input') ||
  (issue.code === 'invalid_union' && issue.errors.flat().some(wantsSecret))

/** A union with `z.instanceof(Secret)`: of such a one zod reports only the branch that comes nearest. */
function takesSecret(schema: unknown): boolean {
  const def = unwrap(schema)
  return def?.type === 'union' && (def.options ?? []).some(isSecretSchema)
}

/** Is it `z.instanceof(Secret)`, with or without a description? */
function isSecretSchema(schema: unknown): boolean {
  const def = unwrap(schema)
  if (def?.type !== 'custom' || def.fn === undefined) return false
  try {
    // No `new Secret`: fmc would redact its text from now on.
    return def.fn(Object.create(Secret.prototype)) === true && def.fn('') !== true
  } catch {
    return false
  }
}

/** The issue as zod reports it for a schema without a description. */
const secretIssue = (issue: Issue): Issue =>
  issue.code === 'custom'
    ? { code: 'invalid_type', expected: 'Secret', path: issue.path, message: issue.message }
    : issue

function kindOf(value: unknown): string {
  if (value instanceof Secret) return `the secret ${value.name}`
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object'
    ? 'a map'
    : `a ${typeof value === 'string' ? 'text' : typeof value}`
}

function show(value: unknown): string {
  if (value === null || typeof value === 'object' || value === undefined) return kindOf(value)
  const text = withoutSecrets(JSON.stringify(value).replace(/^"|"$/g, ''))
  if (text === undefined) return kindOf(value)
  const shown = typeof value === 'string' ? `"${text}"` : text
  return shown.length > 60 ? `${shown.slice(0, 57)}…"` : shown
}

/** `schema`: of the value, which the hint may show; undefined: it may not. */
function hintFor(issue: Issue, schema: unknown, value: unknown): string | undefined {
  const repaired = schema === undefined ? undefined : repairOf(schema, value)
  if (repaired !== undefined) return `write ${repaired}`
  if (issue.code !== 'invalid_type') return undefined
  if (issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return `put it in quotes: "${schema === undefined ? '…' : String(value)}"`
  if (issue.expected === 'boolean' && /^(yes|no|on|off)$/i.test(String(value)))
    return 'YAML 1.2 knows only true and false'
  return undefined
}

/** What was probably meant, as it is to be written in YAML, if the schema accepts it. */
function repairOf(schema: unknown, value: unknown): string | undefined {
  const { safeParse } = schema as Partial<z.ZodType>
  if (safeParse === undefined) return undefined
  const fits = (candidate: unknown): boolean => safeParse(candidate).success
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const size = sizeOf(String(value))
  // A schema that takes any text does not mean a size.
  if (size !== undefined && fits(size) && !fits('x')) return size
  if (typeof value === 'string' && /^-?\d+$/.test(value) && fits(Number(value))) return value
  return undefined
}

/** A size with the unit that it lacks, or as fmc writes it: 8 → 8GB, 2048 → 2048MB, `8 gb` → 8GB. Nobody has 256 GB and no unit. */
function sizeOf(text: string): string | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(?:([mgt])(?:i?b)?)?$/i.exec(text.trim()) ?? []
  if (number === undefined) return undefined
  return `${number}${(unit ?? (Number(number) < 256 ? 'G' : 'M')).toUpperCase()}B`
}

/** Keys of other tools, by the key that has their meaning here. */
const OTHER_WORDS: Readonly<Record<string, readonly string[]>> = {
  memory: ['ram', 'mem', 'memory_mb', 'memory_gb'],
  vcpu: ['cpu', 'cpus', 'vcpus', 'cores'],
  root_disk: ['disk', 'disk_size', 'root_disk_size', 'storage'],
  timezone: ['tz', 'time_zone'],
  nics: ['ip', 'address', 'addresses', 'ip_address', 'network', 'interfaces', 'ansible_host'],
  vm_on: ['hypervisor', 'parent', 'node'],
}

function unknownKeyHint(
  schema: z.ZodType,
  path: Path,
  key: string,
  value: unknown,
): string | undefined {
  const keys = keysAt(schema, path)
  const meant = keys.find(known => OTHER_WORDS[known]?.includes(key.toLowerCase()))
  if (meant === undefined) return suggestion(key, keys)
  if (meant === 'nics') return 'write nics: [{ network: NAME, address: ADDRESS }]'
  const field = schemaAt(schema, [...path, meant])
  const fits = (field as Partial<z.ZodType> | undefined)?.safeParse?.(value).success === true
  const shown = fits ? JSON.stringify(value).replace(/^"|"$/g, '') : repairOf(field ?? {}, value)
  return shown === undefined ? `did you mean ${meant}?` : `write ${meant}: ${shown}`
}

const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[step]
        : undefined,
    root,
  )

/** The keys that a schema allows at a place inside it. */
const keysAt = (schema: unknown, path: Path): string[] =>
  Object.keys(unwrap(schemaAt(schema, path))?.shape ?? {})

/** The schema of a value inside. */
const schemaAt = (schema: unknown, path: Path): unknown =>
  path.reduce<unknown>((outer, step) => {
    const here = unwrap(outer)
    return here?.shape?.[step] ?? here?.valueType ?? here?.element
  }, schema)

interface Shape {
  readonly type?: string
  readonly fn?: (value: unknown) => unknown
  readonly shape?: Readonly<Record<string | number, unknown>>
  readonly valueType?: unknown
  readonly element?: unknown
  readonly options?: readonly unknown[]
}

function unwrap(schema: unknown): Shape | undefined {
  let here = schema as { def?: Shape & { innerType?: unknown } } | undefined
  while (here?.def?.innerType !== undefined) here = here.def.innerType as typeof here
  return here?.def
}
