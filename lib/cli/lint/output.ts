import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { formatProblem, type Problem, type RelatedPlace } from '../../inventory/problem.ts'
import { RULES, type Rule } from '../../inventory/rules.ts'
import { count } from '../../report/words.ts'
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
    [...problems.map(problem => annotation(problem, output)), summary(output.file, problems)].join(
      '\n',
    ),
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

/** A file as seen from the directory of the command, which in CI is that of the repository. */
const shown = (file: string, cwd: string): string => {
  const path = relative(cwd, resolve(cwd, file))
  return path.startsWith('..') ? resolve(cwd, file) : path
}

/** A problem of `-e` has no place. */
const isPlaced = ({ file, line }: { readonly file: string; readonly line: number }): boolean =>
  line > 0 && file !== '-e'

const isDefined = (text: string | undefined): text is string => text !== undefined

const related = (problem: Problem): string | undefined =>
  problem.related && `${problem.related.file}:${problem.related.line}: ${problem.related.message}`

/**
 * A workflow command of GitHub Actions (docs.github.com, "Workflow commands for GitHub Actions"). The runner unescapes %, CR and LF
 * in the message, and `:` and `,` too in properties (actions/toolkit, packages/core/src/command.ts).
 */
function annotation(problem: Problem, { cwd }: LintOutput): string {
  const { severity, rule, file, line, column, message, hint } = problem
  const properties = {
    ...(isPlaced(problem) && { file: shown(file, cwd), line, col: column }),
    title: `fmc lint${rule === undefined ? '' : `: ${rule}`}`,
  }
  const text = Object.entries(properties)
    .map(([name, value]) => `${name}=${escapedProperty(String(value))}`)
    .join(',')
  const body = [message, hint, related(problem)].filter(isDefined).join('\n')
  return `::${severity} ${text}::${escapedData(body)}`
}

const escapedData = (text: string): string =>
  text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

const escapedProperty = (text: string): string =>
  escapedData(text).replace(/:/g, '%3A').replace(/,/g, '%2C')

/** A log of the Static Analysis Results Interchange Format 2.1.0 (OASIS standard, docs.oasis-open.org/sarif/sarif/v2.1.0). */
function sarif(problems: readonly Problem[], { version, cwd }: LintOutput): object {
  const rules = Object.entries(RULES)
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'fmc lint',
            version,
            rules: rules.map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { SRCROOT: { uri: `${pathToFileURL(cwd).href.replace(/\/$/, '')}/` } },
        results: problems.map(problem => result(problem, cwd)),
      },
    ],
  }
}

const RULE_IDS = Object.keys(RULES)

function result(problem: Problem, cwd: string): object {
  const { severity, message, hint, related: other } = problem
  const rule: Rule = problem.rule ?? 'schema'
  return {
    ruleId: rule,
    ruleIndex: RULE_IDS.indexOf(rule),
    level: severity,
    message: { text: [message, hint].filter(isDefined).join('\n') },
    ...(isPlaced(problem) && { locations: [location(problem, cwd)] }),
    ...(other && {
      relatedLocations: [{ ...location(other, cwd), message: { text: other.message } }],
    }),
  }
}

/** A file below the directory of the command as a relative reference; any other one by its full URI. */
function location({ file, line, column }: Problem | RelatedPlace, cwd: string): object {
  const path = shown(file, cwd)
  const artifactLocation = path.startsWith('/')
    ? { uri: pathToFileURL(path).href }
    : { uri: path.split('/').map(encodeURIComponent).join('/'), uriBaseId: 'SRCROOT' }
  return {
    physicalLocation: { artifactLocation, region: { startLine: line, startColumn: column } },
  }
}
