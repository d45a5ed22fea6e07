import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const inMemory = (dir: string): boolean => {
  try {
    return statfsSync(dir).type === 0x01021994
  } catch {
    return false
  }
}
let made: string | undefined

/** A directory of this process, in memory where that is possible: some targets write a file for every case. */
export function place(): string {
  if (made !== undefined) return made
  const dir = mkdtempSync(join(inMemory('/dev/shm') ? '/dev/shm' : tmpdir(), 'fmc-fuzz-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  return (made = dir)
}
