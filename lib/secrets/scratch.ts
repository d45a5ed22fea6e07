import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'

type Env = Readonly<Record<string, string | undefined>>

/** f_type of statfs(2) for file systems in memory: tmpfs and ramfs (linux/magic.h). */
const IN_MEMORY = new Set([0x01021994, 0x858458f6])
const PREFIX = 'fmc-secrets-'
/** How long fmc waits for the editor to end after a signal. */
const EDITOR_MS = 2000

/** The first directory on a file system in memory: a disk could keep traces. Throws UsageError if there is none. */
export const memoryDirectory = async (
  env: Env,
  usual: readonly string[] = ['/dev/shm', '/run'],
): Promise<string> => {
  const candidates = [...(env.XDG_RUNTIME_DIR ? [env.XDG_RUNTIME_DIR] : []), ...usual]
  for (const directory of candidates) {
    const type = await statfs(directory).then(
      s => s.type >>> 0,
      () => 0,
    )
    if (IN_MEMORY.has(type)) return directory
  }
  throw new UsageError(
    `no file system in memory (tmpfs) for editing; tried ${candidates.join(', ')}`,
    { hint: 'fmc secrets set NAME works without one' },
  )
}

/** Removes the directories of runs that were killed with SIGKILL. */
const sweep = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1])
    if (pid > 0 && !isAlive(pid)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Calls `use` with a file in memory that contains `text` (mode 0600, in a directory of mode 0700), and returns its result. The
 * directory is removed afterwards, also after an exception, at exit and on SIGTERM, SIGHUP and SIGQUIT. As in git, the
 * editor handles SIGINT meanwhile.
 */
export const withScratch = async <T>(
  name: string,
  text: string,
  env: Env,
  use: (path: string, started: (child: ChildProcess) => void) => Promise<T>,
): Promise<T> => {
  const memory = await memoryDirectory(env)
  await sweep(memory)
  const directory = await mkdtemp(join(memory, `${PREFIX}${process.pid}-`))
  let child: ChildProcess | undefined
  const wipe = () => rmSync(directory, { recursive: true, force: true })
  const stop = (signal: NodeJS.Signals) => {
    wipe()
    const end = () => process.exit(128 + constants.signals[signal])
    // SIGQUIT would make the editor dump core, with the text, to a disk.
    if (child?.kill(signal === 'SIGQUIT' ? 'SIGTERM' : signal) !== true) end()
    child?.once('exit', end)
    setTimeout(end, EDITOR_MS)
  }
  const ignore = () => undefined
  const deadly = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
  process.once('exit', wipe).on('SIGINT', ignore)
  for (const signal of deadly) process.on(signal, stop)
  try {
    const path = join(directory, name)
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
    return await use(path, started => (child = started))
  } finally {
    wipe()
    process.off('exit', wipe).off('SIGINT', ignore)
    for (const signal of deadly) process.off(signal, stop)
  }
}

/** Runs $VISUAL, $EDITOR or vi, which may have arguments and VAR=x before it, on a file, and returns the new text. */
export const editFile = async (
  path: string,
  env: Env,
  started: (child: ChildProcess) => void,
): Promise<string> => {
  const editor = env.VISUAL || env.EDITOR || 'vi'
  const child = spawn('/bin/sh', ['-c', `exec env ${editor} "$1"`, editor, path], {
    stdio: 'inherit',
    env,
  })
  started(child)
  const code = await new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status, signal) => resolve(status ?? signal ?? 1))
  })
  if (code !== 0)
    throw new UsageError(`the editor (${editor}) ended with ${code}; nothing was saved`)
  return readFile(path, 'utf8')
}
