import { existsSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { EXIT, UsageError } from '../../errors.ts'
import { lint } from '../../inventory/lint.ts'
import { formatProblem } from '../../inventory/problem.ts'
import { playGroups, roleHosts } from '../role-hosts.ts'

export interface ImportOptions {
  readonly out?: string | undefined
  readonly force?: boolean | undefined
  readonly os?: string | undefined
}

/**
 * `fmc import ansible`: the inventory goes to `out` or is returned as text, what could not be carried over is the report.
 * Exit code 1: something is missing that fmc lint demands; the report says what. The text is there all the same.
 */
export async function importAnsible(
  file: string,
  { out, force, os }: ImportOptions,
): Promise<{ text: string; report: string; exitCode: number }> {
  if (out !== undefined && force !== true && existsSync(out)) throw exists(out)
  const [{ readAnsible }, { convert }, { inventoryYaml }] = await Promise.all([
    import('../../import/read.ts'),
    import('../../import/convert.ts'),
    import('../../import/write.ts'),
  ])
  const name = out ?? 'inventory.yaml'
  const groups = await playGroups(name)
  const { raw, remarks, secrets } = convert(readAnsible(file), { os, groups })
  const text = inventoryYaml(raw, `Made from ${basename(file)} by fmc import ansible.`)
  const problems = await lint(name, {
    text: Buffer.from(text),
    roles: inventory => roleHosts(name, inventory),
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
  new UsageError(`${out} is there already`, { hint: 'name another file, or add --force' })

function write(out: string, text: string, force: boolean): void {
  try {
    writeFileSync(out, text, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'EEXIST' ? exists(out) : new UsageError(`cannot write ${out}: ${code ?? ''}`)
  }
}
