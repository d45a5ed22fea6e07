import { Option } from 'commander'
import { EXIT } from '../../errors.ts'
import type { LintOptions, Problem } from '../../inventory/lint.ts'
import type { RoleVarsInfo } from '../../inventory/role-vars.ts'
import { safeJson } from '../../text/sanitise.ts'
import { FORMATS, formatProblems, type LintFormat } from '../lint/output.ts'
import { inventoryOption, repeated, type AddCommand } from '../options.ts'
import { print, printCommands, printError } from '../print.ts'
import { withSshConfig } from '../ssh-config.ts'

declare const FMC_VERSION: string

interface Options {
  readonly inventory: string
  readonly json?: boolean
  readonly output: LintFormat
  readonly strict?: boolean
  readonly schema?: boolean
  readonly playbook?: readonly string[]
  readonly identity?: string
}

/** `fmc lint`: checks the inventory, the roles' variables in it, and the project's own playbooks and roles. No host is contacted. */
export const lint: AddCommand = (program, run) => {
  program
    .command('lint')
    .description("check the inventory, its variables, and the project's own playbooks and roles")
    .addOption(inventoryOption())
    .addOption(
      new Option(
        '--output <format>',
        'text, json (NDJSON), sarif (SARIF 2.1.0), or github (annotations of a workflow)',
      )
        .choices(FORMATS)
        .default('text'),
    )
    .option('--strict', 'warnings fail, too (exit code 1)')
    .option(
      '--playbook <name>',
      "check the roles and hosts of this playbook (repeatable); default: the project's own, and site",
      repeated,
    )
    .option(
      '--identity <file>',
      'age identity that opens the secrets file, whose names are checked',
    )
    .option('--schema', "print the inventory's JSON Schema for editors")
    .addOption(new Option('--json', 'the problems as one JSON array').hideHelp())
    .option('--lab', 'accepted as in other commands; the lab has the same inventory')
    .action((o: Options) => run(o.schema ? printSchema(o.inventory) : printProblems(o)))
}

async function printProblems(o: Options): Promise<number> {
  const { text, exitCode } = await lintProject(o, note => {
    printError(`note: ${note}`)
  })
  const show = o.output === 'github' ? printCommands : print
  show(text)
  return exitCode
}

/** What `fmc lint` prints, and its exit code. `say` gets what could not be checked. */
export async function lintProject(
  o: Options,
  say: (note: string) => void,
): Promise<{ text: string; exitCode: number }> {
  const [{ loadProject, missingGroupProblems }, { projectChecks }] = await Promise.all([
    import('../lint/project.ts'),
    import('../lint/checks.ts'),
  ])
  const project = await loadProject(o.inventory, o.playbook)
  const checks = projectChecks(o.inventory, project, {
    identity: o.identity,
    say,
  })
  return lintInventory({
    file: o.inventory,
    json: o.json ?? false,
    output: o.output,
    strict: o.strict ?? false,
    version: FMC_VERSION,
    ...checks,
    complete: async inventory => (await withSshConfig(inventory)).inventory,
    more: inventory => [
      ...project.problems,
      ...(inventory ? missingGroupProblems(inventory, project.playbooks) : []),
    ],
  })
}

async function printSchema(inventory: string): Promise<number> {
  const [{ loadRoles }, { roleHosts }] = await Promise.all([
    import('../load.ts'),
    import('../role-hosts.ts'),
  ])
  print(await lintSchema(roleHosts(await loadRoles(inventory), undefined, [])))
  return EXIT.ok
}

/** The problems as text, without a newline at the end. Exit code 1 with errors (`strict`: or warnings), else 0. */
export async function lintInventory(
  options: LintOptions & {
    readonly file: string
    /** One JSON array, whatever `output` says. */
    readonly json?: boolean
    readonly output?: LintFormat
    readonly strict?: boolean
    /** Of fmc. */
    readonly version?: string
  },
): Promise<{ text: string; exitCode: number; problems: readonly Problem[] }> {
  const { lint: findProblems } = await import('../../inventory/lint.ts')
  const problems = await findProblems(options.file, options)
  const failed = problems.some(({ severity }) => options.strict === true || severity === 'error')
  const output = { file: options.file, version: options.version ?? '', cwd: process.cwd() }
  const text =
    options.json === true
      ? safeJson(problems, 2)
      : formatProblems(options.output ?? 'text', problems, output)
  return { text, exitCode: failed ? EXIT.usage : EXIT.ok, problems }
}

/** The JSON Schema of inventory.yaml, with the variables of the given roles. */
export async function lintSchema(
  roles: readonly Pick<RoleVarsInfo, 'role' | 'vars'>[] = [],
): Promise<string> {
  const { inventoryJsonSchema } = await import('../../inventory/schema.ts')
  return `${safeJson(inventoryJsonSchema(roles), 2)}\n`
}
