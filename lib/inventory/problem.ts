import { UsageError } from '../errors.ts'

export interface Position {
  readonly line: number
  readonly column: number
}

/** Something wrong in an inventory. Lines and columns count from 1; line 0: not in a file (`-e`). */
export interface Problem extends Position {
  readonly severity: 'error' | 'warning'
  readonly file: string
  readonly message: string
  /** What to do about it. */
  readonly hint?: string | undefined
}

/** A place in the file by keys and indexes. */
export type Path = readonly (string | number)[]

/** A Problem before its place in the text is known. `key`: the place is the last key itself, not its value. */
export interface UnplacedProblem {
  readonly severity: 'error' | 'warning'
  readonly path: Path
  readonly key?: true
  readonly message: string
  readonly hint?: string | undefined
}

/** `file:line:column: error: message`, with the hint on a second line. */
export const formatProblem = (problem: Problem): string =>
  `${problem.file}${problem.line > 0 ? `:${problem.line}:${problem.column}` : ''}: ${problem.severity}: ${problem.message}` +
  (problem.hint === undefined ? '' : `\n  ${problem.hint}`)

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
