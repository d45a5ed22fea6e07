import { existsSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { EXIT, UsageError } from '../../errors.ts'
import type { AddCommand } from '../options.ts'
import { printError, printFile } from '../print.ts'

interface ImportOptions {
  readonly out?: string | undefined
  readonly force?: boolean | undefined
  readonly os?: string | undefined
}

/** `fmc import ansible FILE`: another tool's inventory as inventory.yaml. */
export const importInventory: AddCommand = (program, run) => {
  program
    .command('import <from> <file>')
    .description(
      'convert an inventory of another tool: fmc import ansible hosts.ini; it reports on stderr what it could not convert',
    )
    .option('-o, --out <file>', 'write the inventory to this file instead of stdout')
    .option('--force', 'overwrite that file if it exists')
    .option('--os <os>', 'operating system of all hosts, such as "debian 12"')
    .action((from: string, file: string, o: ImportOptions) => run(printImported(from, file, o)))
}

async function printImported(from: string, file: string, o: ImportOptions): Promise<number> {
  if (from !== 'ansible')
    throw new UsageError(`fmc cannot import from ${from}`, { hint: 'fmc import ansible FILE' })
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
  { out, force, os }: ImportOptions,
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
  ] = await Promise.all([
    import('../../import/read.ts'),
    import('../../import/convert.ts'),
    import('../../import/write.ts'),
    import('../../inventory/lint.ts'),
    import('../../inventory/problem.ts'),
    import('../lint/project.ts'),
    import('../lint/checks.ts'),
  ])
  const name = out ?? 'inventory.yaml'
  const { raw, remarks, secrets } = convert(readAnsible(file), { os })
  const text = inventoryYaml(raw, `Made from ${basename(file)} by fmc import ansible.`)
  const problems = await lint(name, {
    text: Buffer.from(text),
    ...projectChecks(name, await loadProject(name)),
    secretNames: undefined,
  })
  const errors = problems.filter(problem => problem.severity === 'error')
  if (out !== undefined) write(out, text, force === true)
  const count = Object.keys(raw.hosts).length
  return {
    text: out === undefined ? text : '',
    report: [
      ...remarks.map(r => `${r.file}:${r.line}: ${r.key}: ${r.why}`),
      ...(errors.length > 0 ? ['Still missing in the result:', ...errors.map(formatProblem)] : []),
      ...(secrets.length > 0
        ? [`Secrets to set (fmc secrets set NAME): ${secrets.join(', ')}`]
        : []),
      `${file}: ${count} host${count === 1 ? '' : 's'}, ${Object.keys(raw.groups ?? {}).length} groups; ${remarks.length} remarks${errors.length > 0 ? `; fmc lint finds ${errors.length} errors` : ''}`,
    ].join('\n'),
    exitCode: errors.length > 0 ? EXIT.usage : EXIT.ok,
  }
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
