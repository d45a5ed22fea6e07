import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { EXIT } from '../errors.ts'
import type { LabState } from './state.ts'

/** Set in the process that runs inside the lab's network: the name of that lab. */
const INSIDE = 'FMC_INSIDE_LAB'

/**
 * How the process outside hands on its SIGINT or SIGTERM. The one inside shares its terminal and process group and may
 * have got the same Ctrl-C itself; by another signal it knows that this is not a second one.
 */
export const PASSED_ON = 'SIGUSR2'

/** The lab that this process is inside of, if it is. */
export async function insideLab(): Promise<LabState | undefined> {
  const name = process.env[INSIDE]
  if (name === undefined) return undefined
  const { stateOf } = await import('./index.ts')
  return stateOf(name)
}

export interface LabEntry {
  readonly inventory: string
  readonly vm?: readonly string[] | undefined
  readonly yes: boolean
  readonly say: (text: string) => void
}

/**
 * Boots the twin of the inventory if it is not up and runs this very command line again inside its network, where alone
 * its addresses exist. Hosts that `fmc lab kill` has put out, or that the lab was not told to have, stay out. Resolves with that process's exit code.
 */
export async function enterLab(o: LabEntry): Promise<number> {
  const lab = await import('./index.ts')
  const { loadInventory } = await import('../inventory/load.ts')
  const name = process.env['FMC_LAB'] ?? 'default'
  const state = await lab.up(await loadInventory(resolve(o.inventory)), {
    name,
    asItIs: true,
    yes: o.yes,
    log: o.say,
    ...(o.vm ? { vm: [...o.vm] } : {}),
  })
  const [command = '', ...args] = lab.enterLab(state, [
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ])
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: name } })
  const pass = (): void => void child.kill(PASSED_ON)
  process.on('SIGINT', pass).on('SIGTERM', pass)
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => {
      process.off('SIGINT', pass).off('SIGTERM', pass)
      done(code ?? (signal === 'SIGINT' || signal === PASSED_ON ? EXIT.interrupted : 128))
    })
  })
}
