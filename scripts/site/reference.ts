/** The reference pages of the documentation, made of the code: commands, roles, resources, inventory, events, exit codes. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { treeOf, type CommandTree } from '../../lib/cli/complete/tree.ts'
import { EXIT_CODES, STATES, WORDS } from '../../lib/cli/explain/words.ts'
import { inventoryJsonSchema } from '../../lib/inventory/schema.ts'
import { eventsJsonSchema } from '../../lib/report/contract-schema.ts'

/** A page: its name in the address, and its Markdown with one heading of the first level. */
export interface ReferencePage {
  readonly name: string
  readonly text: string
}

const root = join(import.meta.dirname, '../..')

/** All pages. Starts `fmc doc` once. */
export async function referencePages(): Promise<ReferencePage[]> {
  // The bundle has it from package.json.
  Object.assign(globalThis, { FMC_VERSION: 'VERSION' })
  const { build } = await import('../../lib/cli/main.ts')
  return [
    { name: 'commands', text: commands(treeOf(build(() => Promise.resolve()))) },
    { name: 'variables', text: variables() },
    { name: 'resources', text: resources() },
    { name: 'inventory', text: inventory() },
    { name: 'events', text: events() },
    { name: 'exit-codes', text: words() },
  ]
}

const cell = (text: string): string =>
  text.replace(/\s+/g, ' ').replace(/[\\|<>[\]*_]/g, char => (char === '<' ? '&lt;' : `\\${char}`))

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``

function commands(program: CommandTree): string {
  const leaves = (tree: CommandTree, path: readonly string[]): [string, CommandTree][] =>
    tree.commands.length === 0
      ? [[path.join(' '), tree]]
      : tree.commands.flatMap(inner => leaves(inner, [...path, inner.name]))
  const one = ([path, tree]: [string, CommandTree]): string => {
    const args = tree.args.map(arg => {
      const name = `${arg.name}${arg.variadic ? '...' : ''}`
      return arg.required ? `<${name}>` : `[${name}]`
    })
    const options = tree.options.filter(option => option.description !== '')
    return [
      `## fmc ${path}`,
      code(['fmc', path, ...args].join(' ')),
      `${cell(tree.description)}.`,
      ...(options.length === 0
        ? []
        : [
            table(
              ['option', 'meaning'],
              options.map(({ short, long, value, description }) => [
                [
                  ...(short === undefined ? [] : [code(short)]),
                  code(`${long}${value === undefined ? '' : ` <${value}>`}`),
                ].join(', '),
                cell(description),
              ]),
            ),
          ]),
      ...(tree.verbs.length === 0 ? [] : [`Verbs: ${tree.verbs.map(code).join(', ')}.`]),
      ...(tree.examples.length === 0 ? [] : [`\`\`\`sh\n${tree.examples.join('\n')}\n\`\`\``]),
    ].join('\n\n')
  }
  const all = program.commands.flatMap(inner => leaves(inner, [inner.name]))
  return [
    '# Commands',
    'Made of the program: `fmc COMMAND --help` says the same.',
    ...all.map(one),
  ].join('\n\n')
}

interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
}

const typeOf = (schema: Schema): string => {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(' or ')
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(' or ')
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`
  if (schema.type === 'object') return 'map'
  return [schema.type ?? 'secret or anything'].flat().join(' or ')
}

/** The keys of a schema, with those inside. */
function rows(schema: Schema, path = ''): string[][] {
  const inner = schema.type === 'array' ? schema.items : schema
  if (inner !== schema) return inner ? rows(inner, `${path}[]`) : []
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`
    const must = schema.required?.includes(key) && value.default === undefined
    const more =
      value.default === undefined
        ? must
          ? 'required'
          : ''
        : `default: ${JSON.stringify(value.default)}`
    return [
      [code(at), cell(typeOf(value)), cell(more), cell(value.description ?? '')],
      ...rows(value, at),
    ]
  })
  const any = schema.additionalProperties
  return [
    ...named,
    ...(typeof any === 'object' ? rows(any, path === '' ? 'NAME' : `${path}.NAME`) : []),
  ]
}

const KEYS = ['key', 'type', '', 'meaning'] as const

interface Documented {
  readonly type: string
  readonly name: string
  readonly summary: string
  readonly platforms?: readonly string[]
  readonly variables: Schema
}

function variables(): string {
  const printed = execFileSync(
    process.execPath,
    [join(root, 'lib/bin.js'), 'doc', '--output', 'json'],
    {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '' },
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  const roles = printed
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Documented)
    .filter(line => line.type === 'role')
  return [
    '# Roles and their variables',
    'Made of the schemas of the roles: `fmc doc ROLE` says the same.',
    ...roles.flatMap(({ name, summary, platforms, variables: schema }) => {
      const keys = rows(schema)
      return [
        `## ${name}`,
        `${cell(summary)}.`,
        ...(platforms ? [`Runs on ${platforms.join(', ')}.`] : []),
        keys.length === 0 ? 'It has no variables.' : table(KEYS, keys),
      ]
    }),
  ].join('\n\n')
}

/** What lib/index.ts exports, with the comment at its definition. */
function resources(): string {
  const index = readFileSync(join(root, 'lib/index.ts'), 'utf8')
  const sections = index.split(/^\/\/ /m).slice(1)
  return [
    '# Resources and what else roles import',
    "Made of the comments of `lib/index.ts`. An editor shows the types, too: `import { file } from 'fmc'`.",
    ...sections.flatMap(section => {
      const [title = ''] = section.split('\n')
      const exports = [...section.matchAll(/^export (?:type )?\{([^}]+)\} from '(\.[^']+)'/gm)]
      return [
        `## ${title.replace(/\.$/, '')}`,
        ...exports.flatMap(([, names = '', from = '']) =>
          names
            .split(',')
            .map(name => name.trim().replace(/^type /, ''))
            .filter(name => name !== '')
            .flatMap(name => definition(name, join(root, 'lib', from))),
        ),
      ]
    }),
  ].join('\n\n')
}

function definition(name: string, file: string): string[] {
  const source = readFileSync(file, 'utf8')
  const again = new RegExp(
    `export (?:type )?\\{[^}]*\\b${escaped(name)}\\b[^}]*\\} from '(\\.[^']+)'`,
  ).exec(source)
  const found = new RegExp(
    `/\\*\\*((?:(?!\\*/)[^])*)\\*/\\n(?:export )?(?:declare )?(?:async )?(?:const|function|class|interface|type|abstract class) ${escaped(name)}(?![\\w$])`,
  ).exec(source)
  if (!found && again) return definition(name, join(dirname(file), again[1] ?? ''))
  const comment = (found?.[1] ?? '').replace(/^\s*\* ?/gm, '').trim()
  const [text = '', ...examples] = comment.split(/^@example\n?/m)
  const words = text.replace(/^@param (\w+) - /gm, '- `$1`: ').replace(/^@returns /gm, 'Returns ')
  return [
    `### ${name}`,
    words.trim(),
    ...examples.map(example => `\`\`\`ts\n${example.split(/^@/m)[0]?.trim() ?? ''}\n\`\`\``),
  ]
}

const escaped = (name: string): string => name.replaceAll('$', '\\$')

const inventory = (): string =>
  [
    '# Keys of inventory.yaml',
    'Made of its schema: `fmc lint --schema` prints it for editors. A name that you choose is NAME.',
    table(KEYS, rows(inventoryJsonSchema())),
  ].join('\n\n')

function events(): string {
  const schema = eventsJsonSchema() as Schema
  const lines = schema.anyOf ?? []
  return [
    '# Events of --output json',
    cell(schema.description ?? ''),
    'Made of the schema: `fmc explain --schema` prints it.',
    ...lines.flatMap(one => {
      const { type, state } = one.properties ?? {}
      const states = (state?.const === undefined ? (state?.enum ?? []) : [state.const])
        .filter(value => typeof value === 'string')
        .join(', ')
      const title = type?.const === 'host' ? `host, ${states}` : String(type?.const)
      return [`## ${title}`, `${cell(one.description ?? '')}.`, table(KEYS, rows(one))]
    }),
  ].join('\n\n')
}

const words = (): string =>
  [
    '# Exit codes, states and words',
    'Made of what `fmc explain` says.',
    '## Exit codes',
    table(
      ['code', 'meaning'],
      EXIT_CODES.map(({ names, meaning }) => [names[0] ?? '', cell(meaning)]),
    ),
    '## States of a report',
    table(
      ['state', 'meaning'],
      STATES.map(({ names, meaning }) => [names.join(', '), cell(meaning)]),
    ),
    '## Words',
    table(
      ['word', 'meaning'],
      WORDS.map(({ names, meaning }) => [names.join(', '), cell(meaning)]),
    ),
  ].join('\n\n')
