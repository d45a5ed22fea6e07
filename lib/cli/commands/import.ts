import { Option } from 'commander'
import { existsSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { EXIT, UsageError } from '../../errors.ts'
import { PROJECTS, type Project } from '../../import/project.ts'
import type { Problem } from '../../inventory/problem.ts'
import { cleanBlock, cleanLine } from '../../text/sanitise.ts'
import { repeatedLists, type AddCommand } from '../options.ts'
import { printError, printFile } from '../print.ts'

interface ImportOptions {
  readonly out?: string | undefined
  readonly force?: boolean | undefined
  readonly os?: string | undefined
  readonly from?: Project | undefined
  readonly playbookDir?: string | undefined
  readonly map?: readonly string[] | undefined
}

/** `fmc import ansible FILE`: another tool's inventory as inventory.yaml. */
export const importInventory: AddCommand = (program, run) => {
  program
    .command('import <tool> <file>')
    .description(
      'convert an inventory of another tool, a file or a directory: fmc import ansible hosts.ini; it reports on stderr what it could not convert',
    )
    .option('-o, --out <file>', 'write the inventory to this file instead of stdout')
    .option('--force', 'overwrite that file if it exists')
    .option('--os <os>', 'operating system of all hosts, such as "debian 12"')
    .option(
      '--playbook-dir <dir>',
      "directory of the playbook, whose group_vars and host_vars count too (default: the inventory's parent, or playbooks/ there)",
    )
    .addOption(
      new Option(
        '--from <project>',
        'whose inventory it is, so that its groups and variables get their meaning (default: guessed by its groups)',
      ).choices(PROJECTS),
    )
    .option(
      '--map <old=new>',
      'what a group or variable is called in fmc, on purpose also like one of its plays or roles: --map server=k3s_servers; may be repeated',
      repeatedLists,
    )
    .action((tool: string, file: string, o: ImportOptions) => run(printImported(tool, file, o)))
}

async function printImported(tool: string, file: string, o: ImportOptions): Promise<number> {
  if (tool !== 'ansible')
    throw new UsageError(`fmc cannot import from ${tool}`, { hint: 'fmc import ansible FILE' })
  const { text, report, exitCode } = await importAnsible(file, o)
  if (text !== '') printFile(text)
  printError(report)
  return exitCode
}

/**
 * Writes the inventory to `out`, else returns it as `text`; `report` lists what could not be carried over. Exit code 1
 * when `fmc lint` would find errors in the result: the report lists them too, and the text is complete all the same.
 */
async function importAnsible(
  file: string,
  { out, force, os, from, playbookDir, map }: ImportOptions,
): Promise<{ text: string; report: string; exitCode: number }> {
  if (out !== undefined && force !== true && existsSync(out)) throw exists(out)
  const [
    { readAnsible },
    { convert },
    { inventoryYaml },
    { lint },
    { formatProblem },
    { loadProject },
    { projectChecks },
    { meanings },
  ] = await Promise.all([
    import('../../import/read.ts'),
    import('../../import/convert.ts'),
    import('../../import/write.ts'),
    import('../../inventory/lint.ts'),
    import('../../inventory/problem.ts'),
    import('../lint/project.ts'),
    import('../lint/checks.ts'),
    import('../import-meanings.ts'),
  ])
  const name = out ?? 'inventory.yaml'
  const names = mapped(map ?? [])
  const inventory = readAnsible(file, { from, playbookDir })
  const code = await loadProject(name)
  const { raw, project, remarks, secrets, stanzas } = convert(inventory, {
    ...{ os, from, map: names },
    ...(await meanings(name, code)),
  })
  const text = inventoryYaml(raw, `Made from ${basename(file)} by fmc import ansible.`)
  const problems = await lint(name, {
    text: Buffer.from(text),
    ...projectChecks(name, code),
    secretNames: undefined,
  })
  const errors = problems.filter(problem => problem.severity === 'error')
  if (out !== undefined) write(out, text, force === true)
  const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
  const totals = [
    `${counted(Object.keys(raw.hosts).length, 'host')}, ${counted(Object.keys(raw.groups ?? {}).length, 'group')}`,
    counted(remarks.length, 'remark'),
    ...(errors.length > 0 ? [`fmc lint finds ${counted(errors.length, 'error')}`] : []),
  ]
  return {
    text: out === undefined ? text : '',
    report: [
      ...remarks.map(r => cleanLine(`${r.file}:${r.line}: ${r.key}: ${r.why}`)),
      ...(project === 'plain'
        ? []
        : [`Read as an inventory of ${project}; if it is not one: --from plain`]),
      ...(stanzas.length > 0 ? ['Add to ~/.ssh/config:', ...stanzas.map(cleanBlock)] : []),
      ...(errors.length > 0
        ? ['Still missing in the result:', ...missing(errors, formatProblem)]
        : []),
      ...(secrets.length > 0
        ? [`Secrets to set (fmc secrets set NAME): ${secrets.join(', ')}`]
        : []),
      `${file}: ${totals.join('; ')}`,
    ].join('\n'),
    exitCode: errors.length > 0 ? EXIT.usage : EXIT.ok,
  }
}

/** The names of `--map old=new`. */
function mapped(given: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    given
      .flatMap(text => text.split(','))
      .map(text => {
        const [, old, wanted] = /^([^=]+)=([^=]+)$/.exec(text) ?? []
        if (old === undefined || wanted === undefined)
          throw new UsageError(`--map ${text}: expected OLD=NEW, such as server=k3s_servers`)
        return [old, wanted]
      }),
  )
}

/** The errors that lint finds; hosts without an operating system are one, which --os mends. */
function missing(
  errors: readonly Problem[],
  format: (problem: Problem) => string,
): readonly string[] {
  const bare = errors.filter(({ message }) => message === 'os is missing')
  const [first] = bare
  const others = errors.filter(error => !bare.includes(error)).map(format)
  if (first === undefined) return others
  const hosts = bare.length === 1 ? '1 host' : `${bare.length} hosts`
  return [
    format({
      ...first,
      message: `os is missing for ${hosts}`,
      hint: 'if all hosts have the same one: --os "debian 12"; else write os into each of them',
    }),
    ...others,
  ]
}

const exists = (out: string): UsageError =>
  new UsageError(`${out} already exists`, { hint: 'name another file, or add --force' })

function write(out: string, text: string, force: boolean): void {
  try {
    writeFileSync(out, text, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'EEXIST' ? exists(out) : new UsageError(`cannot write ${out}: ${code ?? ''}`)
  }
}
