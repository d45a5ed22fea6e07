import { UsageError } from '../errors.ts'
import type { Rule } from './rules.ts'

/** A place in a text, counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Something wrong in an inventory, with its place in the text. Line 0: not in a file (`-e`). */
export interface Problem extends Position {
  readonly severity: 'error' | 'warning'
  readonly rule?: Rule | undefined
  readonly file: string
  readonly message: string
  /** What to do about it. */
  readonly hint?: string | undefined
  /** The other place of a clash. */
  readonly related?: RelatedPlace | undefined
}

/** Another place that a problem is about. */
export interface RelatedPlace extends Position {
  readonly file: string
  /** What is there. */
  readonly message: string
}

/** A place in the data by keys and indexes. */
export type Path = readonly (string | number)[]

/** A Problem with its place in the data; Source.problem() finds the place in the text. */
export interface UnplacedProblem {
  readonly severity: 'error' | 'warning'
  readonly rule?: Rule | undefined
  readonly path: Path
  /** The place is the last key of `path` itself, not its value. */
  readonly key?: true
  readonly message: string
  readonly hint?: string | undefined
  /** The other place of a clash, and what is there. */
  readonly other?:
    { readonly path: Path; readonly key?: true; readonly message: string } | undefined
}

/** `file:line:column: error: message`, then the hint and the other place of a clash on lines of their own. */
export const formatProblem = (problem: Problem): string =>
  [
    `${formatPlace(problem)}: ${problem.severity}: ${problem.message}`,
    ...(problem.hint === undefined ? [] : [`  ${problem.hint}`]),
    ...(problem.related ? [`  ${formatPlace(problem.related)}: ${problem.related.message}`] : []),
  ].join('\n')

/** Without repetitions: what stands once in a YAML file and is used twice (`*alias`) has its problems twice. */
export const distinct = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map(problem => [formatProblem(problem), problem])).values(),
]

/** `file:line:column`, or the file alone if the line is 0. */
export const formatPlace = ({
  file,
  line,
  column,
}: Position & { readonly file: string }): string => (line > 0 ? `${file}:${line}:${column}` : file)

/** Problems in the order of the file. */
export const byPlace = (a: Problem, b: Problem): number =>
  a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column

/** One UsageError that lists every problem. */
export const problemsError = (problems: readonly Problem[]): UsageError =>
  new UsageError([...problems].sort(byPlace).map(formatProblem).join('\n'))

/** `hosts.n1.nics[0].address` */
export const formatPath = (path: Path): string =>
  path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`,
    )
    .join('')
