import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FmcError } from '../errors.ts'
import { startTime } from './machines/cgroups.ts'
import { labRoot } from './paths.ts'

/**
 * Does work that only one process at a time may do: bringing a lab up or down. The lock of a process that has ended is
 * taken over; the lock of a running process is an FmcError that names it.
 */
export const withLock = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  mkdirSync(labRoot(), { recursive: true, mode: 0o700 })
  const file = join(labRoot(), `.${name}.lock`)
  const holder = take(file)
  if (holder !== undefined)
    throw new FmcError(`lab ${name} is being brought up or down by process ${holder}`)
  return holding(file, work)
}

/** The same, but waits for the other process. */
export const whenUnlocked = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  while (take(file) !== undefined) await new Promise(resolve => setTimeout(resolve, 200))
  return holding(file, work)
}

const held = new Set<string>()

const holding = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  held.add(file)
  try {
    return await work()
  } finally {
    if (held.delete(file)) rmSync(file, { force: true })
  }
}

/** Gives up the locks of this process, which is about to end in the middle of its work. */
export const dropLocks = (): void => {
  for (const file of held) rmSync(file, { force: true })
  held.clear()
}

/** Takes the lock, or returns the process id of its running holder. */
const take = (file: string): string | undefined => {
  for (;;) {
    try {
      writeFileSync(file, `${process.pid} ${startTime(process.pid) ?? ''}`, { flag: 'wx' })
      return undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid = '', since = ''] = read(file).split(' ')
    if (pid !== '' && startTime(Number(pid)) === since) return pid
    rmSync(file, { force: true })
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
