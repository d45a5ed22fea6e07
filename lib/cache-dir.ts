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

/** Larger files are ignored: fmc caches only small ones. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * The user's home directory: $HOME if it is an absolute path (an empty one must not mean the current directory), else the one in
 * passwd; undefined: neither.
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
 * A user directory of the XDG Base Directory Specification: the variable if it is an absolute path ("All paths set in these
 * environment variables must be absolute. … consider the path invalid and ignore it"), else `usual` in the home directory;
 * undefined: there is no home directory.
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
 * Throws UsageError when another user owns or may write a directory of fmc; `what` names it in the message. If `dir` is not a
 * directory (/dev/null), only the directories above it matter: who could put one there.
 */
export function demandOwnDir(what: string, dir: string): void {
  let at = dir
  while (!isDirectory(at) && dirname(at) !== at) at = dirname(at)
  demandTrust(what, [at], dir)
}

/** The same for the cache. */
export const demandOwnCache = (dir: string): void => demandOwnDir(`the cache ${dir}`, dir)

/**
 * The directory for what fmc keeps between runs on the controller: $FMC_CACHE, else `fmc` in the user's cache directory, else
 * in the system's temporary directory. Code and queries from it run as root on hosts, so it throws UsageError when another
 * user owns or may write it.
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
 * The bytes of a file in the cache. Undefined: it is missing, unreadable or not a regular file, or another user owns or may
 * write it. Never throws.
 */
export function readCachedBytes(file: string): Buffer | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.size > MAX_BYTES || !isOwn(stat)) return undefined
    return readFileSync(fd)
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** The same as text. */
export const readCached = (file: string): string | undefined =>
  readCachedBytes(file)?.toString('utf8')

/**
 * Makes a directory and its missing parents, accessible to the user only. Throws the error of mkdir(2). Node's `recursive` does
 * not return where mkdir reports ENOENT although the parent exists, as in /proc.
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

/**
 * Writes a file of the cache in one step, readable for the user only. False: that failed (read-only, disk full …). Never
 * throws.
 */
export function writeCached(file: string, content: string | Uint8Array): boolean {
  const candidate = `${file}.${process.pid}`
  try {
    makeDirs(dirname(file))
    writeFileSync(candidate, content, { mode: 0o600 })
    renameSync(candidate, file)
    return true
  } catch {
    try {
      rmSync(candidate, { force: true })
    } catch {
      // It cannot be removed either.
    }
    return false
  }
}
