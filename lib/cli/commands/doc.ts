import { supported } from '../../inventory/platform.ts'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EXIT } from '../../errors.ts'
import { cleanLine } from '../../text/sanitise.ts'
import { pad } from '../../report/width.ts'
import { jsonLines } from '../json-lines.ts'
import { inventoryOption, outputOption, type AddCommand, type OutputOptions } from '../options.ts'
import { print } from '../print.ts'

/** `fmc doc [ROLE]`: the list of roles, or one role's variables, handlers and README. */
export const doc: AddCommand = (program, run) => {
  program
    .command('doc [role]')
    .description('list the roles, or show the variables and the manual of one')
    .addOption(inventoryOption())
    .addOption(outputOption())
    .action((name: string | undefined, o: Options) => run(printDoc(name, o)))
}

interface Options extends OutputOptions {
  readonly inventory: string
}

async function printDoc(name: string | undefined, { inventory, output }: Options): Promise<number> {
  if (output === 'json') jsonLines(await roleData(name, inventory))
  else print(name === undefined ? await roleList(inventory) : await manual(name, inventory))
  return EXIT.ok
}

/** The roles, or one of them, with their variables as JSON Schema. */
async function roleData(only: string | undefined, inventory: string): Promise<object[]> {
  const [{ catalogue, loadRole }, { z }] = await Promise.all([import('../load.ts'), import('zod')])
  const roles = catalogue(inventory).filter(({ kind }) => kind === 'role')
  const names = only === undefined ? roles.map(({ name }) => name) : [only]
  return Promise.all(
    names.map(async name => {
      const { summary, vars, handlers, platforms } = await loadRole(name, inventory)
      const found = roles.find(r => r.name === name)
      return {
        ...{ type: 'role', name, summary, file: found?.file, from: found?.from },
        platforms: platforms && supported(platforms),
        variables: z.toJSONSchema(vars, { io: 'input', unrepresentable: 'any' }),
        handlers: Object.keys(handlers),
      }
    }),
  )
}

async function roleList(inventory: string): Promise<string> {
  const { catalogue, loadRole, originOf } = await import('../load.ts')
  const found = catalogue(inventory).filter(({ kind }) => kind === 'role')
  const lines = await Promise.all(
    found.map(async each => {
      const { name, summary } = await loadRole(each.name, inventory)
      const origin = each.from === 'fmc' ? '' : ` (${originOf(each)})`
      return `${pad(cleanLine(name), 20)} ${cleanLine(summary)}${origin}`
    }),
  )
  return lines.join('\n')
}

async function manual(name: string, inventory: string): Promise<string> {
  const [{ catalogue, loadRole, originOf }, { z }] = await Promise.all([
    import('../load.ts'),
    import('zod'),
  ])
  const role = await loadRole(name, inventory)
  const schema = z.toJSONSchema(role.vars, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const found = catalogue(inventory).find(f => f.kind === 'role' && f.name === name)
  const readme = join(dirname(found?.file ?? ''), 'README.md')
  return [
    `${role.name}: ${role.summary}`,
    ...(found ? ['', `From: ${found.file} (${originOf(found)})`] : []),
    ...(role.platforms ? ['', `Operating systems: ${supported(role.platforms).join(', ')}`] : []),
    '',
    'Variables',
    ...properties(schema, '  '),
    ...(Object.keys(role.handlers).length > 0
      ? ['', 'Handlers', ...Object.keys(role.handlers).map(h => `  ${h}`)]
      : []),
    ...(existsSync(readme) ? ['', readFileSync(readme, 'utf8').trimEnd()] : []),
  ].join('\n')
}

/** What a schema of zod becomes as JSON Schema, as far as the manual shows it. */
interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
}

function properties(schema: JsonSchema, indent: string): string[] {
  const all = Object.entries(schema.properties ?? {})
  if (all.length === 0) return [`${indent}none`]
  return all.flatMap(([name, value]) => {
    const required = schema.required?.includes(name) && value.default === undefined
    const inner = value.properties ? value : value.items?.properties ? value.items : undefined
    return [
      `${indent}${name}  (${typeOf(value)}${required ? ', required' : ''}${value.default === undefined ? '' : `, default ${JSON.stringify(value.default)}`})`,
      ...(value.description === undefined ? [] : [`${indent}    ${value.description}`]),
      ...(inner ? properties(inner, `${indent}    `) : []),
    ]
  })
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map(v => JSON.stringify(v)).join(' | ')
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'values'}`
  if (schema.type === undefined) return 'secret'
  return typeof schema.type === 'string' ? schema.type : schema.type.join(' or ')
}
