import { spawnSync } from 'node:child_process'
import { dropLocks } from '../lab/lock.ts'
import { fmcCommand, killRunning } from './run.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The labs that this process has to take down. */
const labs = new Set<string>()

/** Takes a lab down when this process ends by a signal or by itself, until `forget`. */
export const remember = (lab: string): void => {
  if (labs.size === 0) {
    for (const signal of SIGNALS) process.on(signal, onSignal)
    process.on('exit', takeDownNow)
  }
  labs.add(lab)
}

/** The lab is down. */
export const forget = (lab: string): void => {
  labs.delete(lab)
  if (labs.size > 0) return
  for (const signal of SIGNALS) process.off(signal, onSignal)
  process.off('exit', takeDownNow)
}

/**
 * Waits, so that this process brings up nothing more meanwhile. In a session of its own: a second Ctrl-C of the terminal
 * does not reach it.
 */
const takeDownNow = (): void => {
  killRunning()
  dropLocks()
  for (const lab of labs) {
    const command = fmcCommand('lab', 'down', '--name', lab)
    const env = { ...process.env, NODE_OPTIONS: '' }
    spawnSync('setsid', ['--wait', ...command], { stdio: 'ignore', env })
  }
  labs.clear()
}

const CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

const onSignal = (signal: NodeJS.Signals): void => {
  takeDownNow()
  process.exit(CODES[signal])
}
