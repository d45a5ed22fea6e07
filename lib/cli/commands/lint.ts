import { EXIT } from '../../errors.ts'
import { lint, type LintOptions, type Problem } from '../../inventory/lint.ts'
import { formatProblem } from '../../inventory/problem.ts'
import type { RoleVarsInfo } from '../../inventory/role-vars.ts'
import { safeJson } from '../../report/sanitise.ts'

/** `fmc lint`: `text` ends without a newline. Exit code 1 with errors, 0 with warnings alone. */
export async function lintCommand(
  options: LintOptions & { readonly file: string; readonly json: boolean },
): Promise<{ text: string; exitCode: number; problems: readonly Problem[] }> {
  const problems = await lint(options.file, options)
  const errors = problems.filter(problem => problem.severity === 'error').length
  const text = options.json
    ? safeJson(problems, 2)
    : [...problems.map(formatProblem), summary(options.file, errors, problems.length)].join('\n')
  return { text, exitCode: errors > 0 ? EXIT.usage : EXIT.ok, problems }
}

function summary(file: string, errors: number, all: number): string {
  const count = (number: number, what: string): string =>
    `${number} ${what}${number === 1 ? '' : 's'}`
  if (all === 0) return `${file}: no problems`
  return `${file}: ${count(errors, 'error')}, ${count(all - errors, 'warning')}`
}

/** `fmc lint --schema`: JSON Schema of inventory.yaml for editors, with the variables of the given roles. */
export async function lintSchema(
  roles: readonly Pick<RoleVarsInfo, 'role' | 'vars'>[] = [],
): Promise<string> {
  const { inventoryJsonSchema } = await import('../../inventory/schema.ts')
  return `${safeJson(inventoryJsonSchema(roles), 2)}\n`
}
