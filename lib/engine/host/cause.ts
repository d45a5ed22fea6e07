import { TaskError } from '../../errors.ts'
import type { Secret } from '../../secrets/secret.ts'
import type { Output } from '../../ssh/types.ts'
import { endOf } from './output.ts'

/** How dash and bash begin their messages: with the name and line number of a script that fmc has put together. */
const SHELL = /^(?:\/(?:usr\/)?bin\/)?(?:ba|da)?sh: (?:eval: )?(?:line )?\d+: (?:eval: )?/
/** The last line of a failed `validate` (resources/access.ts). */
const VALIDATION = /^validation failed with exit code (\d+): (.*)$/
/** A line that names a cause; what follows it is often only "see the log" or "giving up". */
const CAUSE =
  /\b(?:error|fatal|fail(?:s|ed|ure)?|invalid|unknown|unexpected|unrecognized|unsupported|cannot|can't|could not|unable|denied|refused|no such|not found|not permitted|does not exist|alert|emerg|panic)\b|^E: /i
/** Lines of the other stream that are shown too. */
const MORE_LINES = 10

const lines = (text: string): string[] => (text === '' ? [] : text.split('\n'))

/** The line that best says why a command failed: of a Python traceback the last one, else the first that names a cause, else the last one. */
export function causeIn(text: string): string | undefined {
  const all = lines(text.trim())
  const last = all.at(-1)?.trim()
  if (text.includes('Traceback (most recent call last)')) return last
  return (all.find(line => CAUSE.test(line)) ?? last)?.trim()
}

const ending = (code: number): string =>
  code > 128 && code < 192 ? `ended by signal ${code - 128}` : `exit code ${code}`

/**
 * The error of a command that has failed: the cause first, then how the command ended. Its output is that of stderr, after
 * the last lines of stdout. Without secrets, and without what the shell puts before its messages.
 */
export function commandError(
  { code, stdout, stderr }: Output,
  secrets: readonly Secret[],
): TaskError {
  const said = (text: string): string[] =>
    lines(endOf(text, secrets)).map(line => line.replace(SHELL, ''))
  const errors = said(stderr)
  const others = said(stdout)
  const refused = VALIDATION.exec(errors.at(-1) ?? '')
  if (refused) errors.pop()
  const output = [...others.slice(errors.length > 0 ? -MORE_LINES : 0), ...errors].join('\n')
  const cause = causeIn(errors.join('\n')) ?? causeIn(others.join('\n'))
  const how = ending(Number(refused?.[1] ?? code))
  if (refused)
    return new TaskError(`validation failed: ${cause === undefined ? how : `${cause} (${how})`}`, {
      command: refused[2],
      output,
    })
  return new TaskError(cause === undefined ? `${how}, without any output` : `${cause} (${how})`, {
    output,
  })
}
