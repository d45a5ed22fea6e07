import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { labRoot } from '../paths.ts'

const SETTING = '/proc/sys/fs/inotify/max_user_instances'
/** A machine's systemd, journald, dbus and services take some ten instances: enough for 500 machines. */
const NEEDED = 8192

const savedFile = (): string => join(labRoot(), '.inotify-instances')

/**
 * All machines share this kernel's limit of inotify instances per user (128 by default: enough for
 * some ten machines), so it is raised while labs exist. The value before is kept and restored.
 */
export const raiseLimits = (): void => {
  const now = Number(readFileSync(SETTING, 'utf8'))
  if (now >= NEEDED) return
  mkdirSync(labRoot(), { recursive: true, mode: 0o700 })
  if (!existsSync(savedFile())) writeFileSync(savedFile(), String(now))
  writeFileSync(SETTING, String(NEEDED))
}

/** To be called when the last lab is gone. */
export const restoreLimits = (): void => {
  if (!existsSync(savedFile())) return
  writeFileSync(SETTING, readFileSync(savedFile(), 'utf8'))
  rmSync(savedFile())
}
