import { readFileSync } from 'node:fs'
import { TaskError } from '../errors.ts'
import { Secret } from '../secrets/secret.ts'
import { suggestion } from '../text/nearest.ts'
import { sourcePath } from './source.ts'

/**
 * A value that a template can show.
 *
 * @example
 * const port: TemplateValue = 8080
 */
export type TemplateValue = string | number | Secret

type Filled<V> = V[keyof V] extends string | number ? string : string | Secret

const HOLE = /\{\{\s*(?:([A-Za-z_]\w*)|"(\{\{|\}\})")\s*\}\}|\{\{|\}\}/g

/**
 * The text with its holes filled; pure. `file` is for messages. Throws TaskError, with file and line, for a hole without a value,
 * a value without a hole, and braces that are no hole.
 */
export function fill(
  file: string,
  text: string,
  values: Readonly<Record<string, TemplateValue>>,
): string {
  const used = new Set<string>()
  const problems: string[] = []
  const filled = text.replace(
    HOLE,
    (all, name: string | undefined, braces: string | undefined, at: number) => {
      const wrong = (why: string): string => {
        const line = text.slice(0, at).split('\n').length
        problems.push(`${file}:${line}: ${why}`)
        return all
      }
      if (braces !== undefined) return braces
      if (name === undefined) {
        const rest = (text.slice(at).split('\n', 1)[0] ?? '').slice(0, 40)
        return wrong(`expected {{ name }}, or {{ "${all}" }} for the braces themselves: ${rest}`)
      }
      if (!Object.hasOwn(values, name)) {
        const near = suggestion(name, Object.keys(values))
        return wrong(`{{ ${name} }} has no value${near === undefined ? '' : `: ${near}`}`)
      }
      used.add(name)
      const value = values[name]
      if (typeof value === 'number' && !Number.isFinite(value))
        return wrong(`{{ ${name} }} is ${value}`)
      if (value instanceof Secret) return value.reveal()
      return typeof value === 'string' || typeof value === 'number'
        ? String(value)
        : wrong(`{{ ${name} }} is not a text, a number or a secret`)
    },
  )
  const unused = Object.keys(values).filter(name => !used.has(name))
  if (problems.length === 0 && unused.length > 0)
    problems.push(`${file}: does not use ${unused.join(', ')}`)
  if (problems.length > 0) throw new TaskError(problems.join('\n'))
  return filled
}

/**
 * The text of a template file with its holes filled: `{{ name }}` becomes the value of that name. There are no conditions and no
 * loops: compute the value in TypeScript, or write the whole text as a function. `{{ "{{" }}` gives two braces. With a Secret
 * among the values the result is a Secret.
 *
 * @param path - of the file: in the role's directory (roles/ROLE), else beside the inventory; or absolute
 * @throws TaskError, with file and line, for a name without a value, a value without a place, braces that are no hole, and a file that is
 * missing or no UTF-8 text; UsageError for a file that another user could exchange.
 *
 * @example
 * await file('/etc/nginx/nginx.conf', {
 *   content: template('nginx.conf.tmpl', { port: 8080, server: host().name }),
 *   notify: 'reload nginx',
 * })
 */
export function template<V extends Readonly<Record<string, TemplateValue>>>(
  path: string,
  values: V,
): Filled<V> {
  const file = sourcePath(path)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file))
  } catch (error) {
    throw new TaskError(
      `cannot read the template ${file}: ${error instanceof TypeError ? 'it is not UTF-8 text' : (error as Error).message}`,
    )
  }
  const filled = fill(file, text, values)
  const secret = Object.values(values).find(value => value instanceof Secret)
  return (secret === undefined ? filled : new Secret(filled, secret.name)) as Filled<V>
}
