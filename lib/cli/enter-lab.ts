import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import type { LabState } from '../lab/state.ts'

/** Set in the process that runs inside the lab's network: the name of that lab. */
const INSIDE = 'FMC_INSIDE_LAB'

/** The lab that this process is inside of, if it is. */
export async function insideLab(): Promise<LabState | undefined> {
  const name = process.env[INSIDE]
  if (name === undefined) return undefined
  const { stateOf } = await import('../lab/index.ts')
  return stateOf(name)
}

export interface LabEntry {
  readonly inventory: string
  readonly vm?: readonly string[] | undefined
  readonly yes: boolean
  readonly say: (text: string) => void
}

/**
 * Boots the twin of the inventory if it is not up and runs this very command line again inside its network,
 * where alone its addresses exist. Resolves with that process's exit code.
 */
export async function enterLab(o: LabEntry): Promise<number> {
  const lab = await import('../lab/index.ts')
  const { loadInventory } = await import('../inventory/load.ts')
  const name = process.env['FMC_LAB'] ?? 'default'
  const state = await lab.up(await loadInventory(resolve(o.inventory)), {
    name,
    yes: o.yes,
    log: o.say,
    ...(o.vm ? { vm: [...o.vm] } : {}),
  })
  const [command = '', ...args] = lab.enterLab(state, [
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ])
  // The child shares the terminal and its process group: it gets Ctrl-C itself, and we only wait for it.
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: name } })
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGTERM', pass)
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => {
      process.off('SIGINT', ignore)
      process.off('SIGTERM', pass)
      done(code ?? (signal === 'SIGINT' ? 130 : 128))
    })
  })
}
