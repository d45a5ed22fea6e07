import { formatProblem, type Problem } from '../../inventory/problem.ts'
import { RULES } from '../../inventory/rules.ts'
import { sarifLog, shownFile } from '../../report/sarif-log.ts'
import { count } from '../../report/words.ts'
import { annotation, inert } from '../../report/workflow-command.ts'
import { safeJson } from '../../text/sanitise.ts'

export const FORMATS = ['text', 'json', 'sarif', 'github'] as const
/** How `fmc lint` prints problems. */
export type LintFormat = (typeof FORMATS)[number]

/** What a format needs besides the problems. */
export interface LintOutput {
  /** The inventory, as given. */
  readonly file: string
  readonly version: string
  /** Files are shown relative to this directory. */
  readonly cwd: string
}

/** The problems in a format, without a newline at the end. */
export const formatProblems = (
  format: LintFormat,
  problems: readonly Problem[],
  output: LintOutput,
): string => WRITERS[format](problems, output)

const WRITERS: Readonly<
  Record<LintFormat, (problems: readonly Problem[], output: LintOutput) => string>
> = {
  text: (problems, { file }) =>
    [...problems.map(formatProblem), summary(file, problems)].join('\n'),
  json: (problems, { version }) =>
    [
      { type: 'version', fmc: version, contract: 1 },
      ...problems.map(problem => ({ type: 'problem', ...problem })),
      { type: 'summary', ...totals(problems) },
    ]
      .map(line => safeJson(line))
      .join('\n'),
  sarif: (problems, output) => safeJson(sarif(problems, output), 2),
  github: (problems, output) =>
    [
      ...problems.map(problem => annotated(problem, output)),
      inert(summary(output.file, problems)),
    ].join('\n'),
}

const totals = (problems: readonly Problem[]): { errors: number; warnings: number } => {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return { errors, warnings: problems.length - errors }
}

function summary(file: string, problems: readonly Problem[]): string {
  const { errors, warnings } = totals(problems)
  return problems.length === 0
    ? `${file}: no problems`
    : `${file}: ${count(errors, 'error')}, ${count(warnings, 'warning')}`
}

/** A problem of `-e` has no place. */
const isPlaced = ({ file, line }: { readonly file: string; readonly line: number }): boolean =>
  line > 0 && file !== '-e'

const isDefined = (text: string | undefined): text is string => text !== undefined

const related = (problem: Problem): string | undefined =>
  problem.related && `${problem.related.file}:${problem.related.line}: ${problem.related.message}`

/** For GitHub: with the hint and the other place. */
function annotated(problem: Problem, { cwd }: LintOutput): string {
  const { severity, rule, file, line, column, message, hint } = problem
  return annotation(
    severity,
    {
      title: `fmc lint${rule === undefined ? '' : `: ${rule}`}`,
      ...(isPlaced(problem) && { file: shownFile(file, cwd), line, col: column }),
    },
    [message, hint, related(problem)].filter(isDefined).join('\n'),
  )
}

const sarif = (problems: readonly Problem[], { version, cwd }: LintOutput): object =>
  sarifLog(
    problems.map(problem => ({
      rule: problem.rule ?? 'schema',
      level: problem.severity,
      text: [problem.message, problem.hint].filter(isDefined).join('\n'),
      place: isPlaced(problem) ? problem : undefined,
      related: problem.related,
    })),
    { name: 'fmc lint', version, rules: RULES, cwd },
  )
