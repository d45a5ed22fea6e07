import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cleanLine } from '../../report/sanitise.ts'
import { pad } from '../../report/width.ts'
import { loadRole, loadRoles, roleFiles } from '../load.ts'

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

/** `fmc doc [ROLE]`: the roles, or one role's variables and README. */
export async function docCommand(name: string | undefined, inventory: string): Promise<string> {
  if (name === undefined) {
    const roles = await loadRoles(inventory)
    return roles.map(r => `${pad(cleanLine(r.name), 20)} ${cleanLine(r.summary)}`).join('\n')
  }
  const role = await loadRole(name, inventory)
  const { z } = await import('zod')
  const schema = z.toJSONSchema(role.vars, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const readme = join(dirname(roleFiles(inventory).get(name) ?? ''), 'README.md')
  return [
    `${role.name}: ${role.summary}`,
    ...(role.platforms ? ['', `Operating systems: ${Object.keys(role.platforms).join(', ')}`] : []),
    '',
    'Variables',
    ...properties(schema, '  '),
    ...(Object.keys(role.handlers).length > 0
      ? ['', 'Handlers', ...Object.keys(role.handlers).map(h => `  ${h}`)]
      : []),
    ...(existsSync(readme) ? ['', readFileSync(readme, 'utf8').trimEnd()] : []),
  ].join('\n')
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
