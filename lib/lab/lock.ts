import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FmcError } from '../errors.ts'
import { startTime } from './cgroups.ts'
import { labRoot } from './paths.ts'

/**
 * One process at a time brings a lab up or down. A lock whose holder is gone is taken over; a held
 * one is an error that names the holder.
 */
export const withLock = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  mkdirSync(labRoot(), { recursive: true, mode: 0o700 })
  const file = join(labRoot(), `.${name}.lock`)
  const mine = `${process.pid} ${startTime(process.pid) ?? ''}`
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(file, mine, { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries > 1) throw error
      refuseIfHeld(file, name)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

const refuseIfHeld = (file: string, name: string): void => {
  const [pid = '', since = ''] = readFileSync(file, 'utf8').split(' ')
  if (startTime(Number(pid)) === since)
    throw new FmcError(`lab ${name} is being brought up or down by process ${pid}`)
  rmSync(file, { force: true })
}
