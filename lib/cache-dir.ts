import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { demandTrust, isOwn } from './trust.ts'

/** Larger ones are not believed: what fmc remembers is small. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * The user's home directory: $HOME if it is an absolute path, else what the system's users say; undefined: neither. An empty
 * HOME must not become the current directory.
 */
export function homeDir(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (isAbsolute(env['HOME'] ?? '')) return env['HOME']
  try {
    const { homedir } = userInfo()
    return isAbsolute(homedir) ? homedir : undefined
  } catch {
    return undefined
  }
}

/**
 * A directory of the user's by the XDG Base Directory Specification: the variable if it is an absolute path ("All paths set
 * in these environment variables must be absolute. … consider the path invalid and ignore it"), else `usual` in the home
 * directory; undefined: there is none.
 */
export function userDir(variable: string, usual: string, env = process.env): string | undefined {
  if (isAbsolute(env[variable] ?? '')) return env[variable]
  const home = homeDir(env)
  return home === undefined ? undefined : join(home, usual)
}

const checked = new Set<string>()

const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/**
 * Throws UsageError when somebody else owns or may write a directory of the cache. What is no directory (/dev/null) holds
 * nothing: only who could put one there matters.
 */
export function demandOwnCache(dir: string): void {
  let at = dir
  while (!isDirectory(at) && dirname(at) !== at) at = dirname(at)
  demandTrust(`the cache ${dir}`, [at], dir)
}

/**
 * What fmc keeps between runs on the controller: $FMC_CACHE, else fmc below the user's cache directory, else below the
 * system's temporary files. It holds code and
 * questions that run as root on hosts: throws UsageError when somebody else owns or may write it.
 */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const dir = env['FMC_CACHE']
    ? resolve(env['FMC_CACHE'])
    : join(
        userDir('XDG_CACHE_HOME', '.cache', env) ??
          join(tmpdir(), `fmc-of-${process.geteuid?.() ?? 0}`),
        'fmc',
      )
  if (!checked.has(dir)) demandOwnCache(dir)
  checked.add(dir)
  return dir
}

/**
 * The text of a file in the cache. Undefined: there is none, it cannot be read, it is no regular file, another user wrote it
 * or may write it. Never throws: a cache that is no good is as good as none.
 */
export function readCached(file: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.size > MAX_BYTES || !isOwn(stat)) return undefined
    return readFileSync(fd, 'utf8')
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * A directory for the user alone, with those above it. Throws what mkdir(2) does. Not Node's `recursive`: that never ends where
 * the parent exists and mkdir says ENOENT all the same, as in /proc.
 */
export function makeDirs(dir: string): void {
  if (existsSync(dir)) return
  if (dirname(dir) !== dir) makeDirs(dirname(dir))
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Writes a file of the cache whole, for the user alone. False: it could not be (read-only, full, no directory). Never throws. */
export function writeCached(file: string, text: string): boolean {
  const candidate = `${file}.${process.pid}`
  try {
    makeDirs(dirname(file))
    writeFileSync(candidate, text, { mode: 0o600 })
    renameSync(candidate, file)
    return true
  } catch {
    try {
      rmSync(candidate, { force: true })
    } catch {
      // Nor can it be removed.
    }
    return false
  }
}
