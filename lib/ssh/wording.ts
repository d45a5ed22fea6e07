import { TaskError } from '../errors.ts'

const MB = 1024 * 1024

/** The error of a script with a NUL byte in it. */
export const nulError = (script: string): TaskError =>
  new TaskError('the command contains a NUL byte: the server would drop the connection', {
    command: brief(script),
  })

/** The beginning of a script, to recognise it in an error. */
export const brief = (script: string): string => {
  const text = script.trim()
  return text.length > 300 ? `${text.slice(0, 300)} …` : text
}

/** A number of bytes for people. */
export const size = (bytes: number): string =>
  bytes >= MB ? `${Math.round(bytes / MB)} MB` : `${Math.ceil(bytes / 1024)} KB`

/** The last line of a text. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

/** A time for people. */
export const seconds = (ms: number): string =>
  ms >= 120_000 ? `${Math.round(ms / 60_000)} min` : `${ms / 1000} s`
