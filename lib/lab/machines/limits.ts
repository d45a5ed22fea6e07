import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { labRoot } from '../paths.ts'

const SETTING = '/proc/sys/fs/inotify/max_user_instances'
/** Enough for 500 machines: systemd, journald, dbus and services take some ten instances per machine. */
const NEEDED = 8192

const savedFile = (): string => join(labRoot(), '.inotify-instances')

/**
 * Raises the kernel's limit of inotify instances per user while labs exist: all machines share it, and the default of
 * 128 is enough for some ten machines. The value before is saved in a file.
 */
export const raiseLimits = (): void => {
  const now = Number(readFileSync(SETTING, 'utf8'))
  if (now >= NEEDED) return
  mkdirSync(labRoot(), { recursive: true, mode: 0o700 })
  if (!existsSync(savedFile())) writeFileSync(savedFile(), String(now))
  writeFileSync(SETTING, String(NEEDED))
}

/** Restores the limit. Call it when the last lab is gone. */
export const restoreLimits = (): void => {
  if (!existsSync(savedFile())) return
  writeFileSync(SETTING, readFileSync(savedFile(), 'utf8'))
  rmSync(savedFile())
}
