import { join } from 'node:path'
import { basename } from 'node:path/posix'
import { TaskError } from '../../errors.ts'
import type { TakeLimits } from '../../resources/scope.ts'
import type { Secret } from '../../secrets/secret.ts'
import { quote } from '../../shell/quote.ts'
import { download } from '../../ssh/download.ts'
import type { Session } from '../../ssh/types.ts'
import { commandError } from './cause.ts'

/** A file of a host, and the name that it gets on this machine. */
interface Taken {
  readonly path: string
  readonly name: string
}

/** Bytes of a path (Linux, PATH_MAX) and of a name in it (NAME_MAX). */
const LONGEST_PATH = 4096
const LONGEST_NAME = 255
const SHOWN = 200

/** Runs a script that prints absolute paths, and copies these files into a directory of the controller. Throws TaskError. */
export async function take(
  session: Session,
  script: string,
  into: string,
  { timeoutMs, maxBytes, maxFiles }: TakeLimits,
  secrets: readonly Secret[] = [],
): Promise<void> {
  const result = await session.run(`( exec 9>&-; eval ${quote(`set -e\n${script}`)} )`, {
    timeoutMs,
  })
  // The paths are no output for people.
  if (result.code !== 0) throw commandError({ ...result, stdout: '' }, secrets)
  let left = maxBytes
  for (const { path, name } of takenFiles(result.stdout, maxFiles))
    left -= await download(session, path, join(into, name), left)
}

/**
 * The absolute paths that a script printed, one per line. Throws TaskError unless there are between 1 and `maxFiles`, all
 * with different names that are safe for any program here: letters, digits and ._+=:@,- after a first letter or digit.
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
      throw wrong('something that is not an absolute path of a file', path)
    if (!/^[A-Za-z0-9][\w.+=:@,-]*$/.test(name) || name.length > LONGEST_NAME)
      throw wrong('a file with a name that is not safe here', path)
    // Some file systems ignore case.
    if (names.has(name.toLowerCase())) throw wrong('two files with the same name', path)
    names.add(name.toLowerCase())
    return { path, name }
  })
}

const wrong = (what: string, text: string): TaskError =>
  new TaskError(
    `the script named ${what}: ${JSON.stringify(text.slice(0, SHOWN)).replace(/[^\x20-\x7e]/g, '?')}`,
  )
