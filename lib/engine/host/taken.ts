import { basename } from 'node:path/posix'
import { TaskError } from '../../errors.ts'

/** A file of a host, and the name that it gets on this machine. */
export interface Taken {
  readonly path: string
  readonly name: string
}

/** Bytes of a path (Linux, PATH_MAX) and of a name in it (NAME_MAX). */
const LONGEST_PATH = 4096
const LONGEST_NAME = 255
const SHOWN = 200

/**
 * The absolute paths that a script printed, a line each: at least one, at most `maxFiles`, each with a name of its own
 * that means nothing to any program here (letters, digits and ._+=:@,- beginning with a letter or digit). Throws TaskError.
 */
export function takenFiles(stdout: string, maxFiles: number): readonly Taken[] {
  if (stdout.length > maxFiles * (LONGEST_PATH + 1))
    throw wrong(`more than ${maxFiles} files`, stdout)
  const paths = stdout.split('\n').filter(Boolean)
  if (paths.length === 0) throw new TaskError('the script named no file to take')
  if (paths.length > maxFiles)
    throw wrong(`${paths.length} files instead of at most ${maxFiles}`, stdout)
  const names = new Set<string>()
  return paths.map(path => {
    const name = basename(path)
    if (
      !/^\/[^\p{Cc}]*$/u.test(path) ||
      Buffer.byteLength(path) > LONGEST_PATH ||
      path.endsWith('/')
    )
      throw wrong('what is no absolute path of a file', path)
    if (!/^[A-Za-z0-9][\w.+=:@,-]*$/.test(name) || name.length > LONGEST_NAME)
      throw wrong('a file whose name cannot be used here', path)
    // Where names that differ in case are one, too.
    if (names.has(name.toLowerCase())) throw wrong('two files of one name', path)
    names.add(name.toLowerCase())
    return { path, name }
  })
}

const wrong = (what: string, text: string): TaskError =>
  new TaskError(
    `the script named ${what}: ${JSON.stringify(text.slice(0, SHOWN)).replace(/[^\x20-\x7e]/g, '?')}`,
  )
