import { EXIT } from '../../errors.ts'
import type { LintOptions, Problem } from '../../inventory/lint.ts'
import type { RoleVarsInfo } from '../../inventory/role-vars.ts'
import { safeJson } from '../../text/sanitise.ts'
import { count } from '../../report/words.ts'
import { inventoryOption, type AddCommand } from '../options.ts'
import { print } from '../print.ts'

interface Options {
  readonly inventory: string
  readonly json?: boolean
  readonly schema?: boolean
  readonly playbook: string
}

/** `fmc lint`: checks the inventory and the roles' variables in it. No host is contacted. */
export const lint: AddCommand = (program, run) => {
  program
    .command('lint')
    .description('check the inventory and the variables of the roles')
    .addOption(inventoryOption())
    .option('--json', 'as JSON')
    .option('--schema', "print the inventory's JSON Schema for editors")
    .option('--playbook <name>', 'check the roles and hosts of this playbook', 'site')
    .option('--lab', 'accepted as in other commands; the lab has the same inventory')
    .action((o: Options) => run(o.schema ? printSchema(o.inventory) : printProblems(o)))
}

async function printProblems(o: Options): Promise<number> {
  const { roleHosts } = await import('../role-hosts.ts')
  const { text, exitCode } = await lintInventory({
    file: o.inventory,
    json: o.json ?? false,
    roles: inventory => roleHosts(o.inventory, inventory, o.playbook),
  })
  print(text)
  return exitCode
}

async function printSchema(inventory: string): Promise<number> {
  const { roleHosts } = await import('../role-hosts.ts')
  print(await lintSchema(await roleHosts(inventory, undefined)))
  return EXIT.ok
}

/** The problems as text, without a newline at the end. Exit code 1 with errors, 0 with warnings alone. */
export async function lintInventory(
  options: LintOptions & { readonly file: string; readonly json: boolean },
): Promise<{ text: string; exitCode: number; problems: readonly Problem[] }> {
  const [{ lint: findProblems }, { formatProblem }] = await Promise.all([
    import('../../inventory/lint.ts'),
    import('../../inventory/problem.ts'),
  ])
  const problems = await findProblems(options.file, options)
  const errors = problems.filter(problem => problem.severity === 'error').length
  const text = options.json
    ? safeJson(problems, 2)
    : [...problems.map(formatProblem), summary(options.file, errors, problems.length)].join('\n')
  return { text, exitCode: errors > 0 ? EXIT.usage : EXIT.ok, problems }
}

const summary = (file: string, errors: number, all: number): string =>
  all === 0
    ? `${file}: no problems`
    : `${file}: ${count(errors, 'error')}, ${count(all - errors, 'warning')}`

/** The JSON Schema of inventory.yaml, with the variables of the given roles. */
export async function lintSchema(
  roles: readonly Pick<RoleVarsInfo, 'role' | 'vars'>[] = [],
): Promise<string> {
  const { inventoryJsonSchema } = await import('../../inventory/schema.ts')
  return `${safeJson(inventoryJsonSchema(roles), 2)}\n`
}
