import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { EXIT } from '../errors.ts'
import type { Twin } from './twin.ts'
import type { Terminal } from './progress.ts'

/** Set in the process that runs inside the lab's network: the name of that lab. */
const INSIDE = 'FMC_INSIDE_LAB'

/**
 * The signal by which the process outside passes on its SIGINT. Both processes share a terminal and a
 * process group, so the one inside may get the same Ctrl-C itself; a signal of another kind does not count twice.
 */
export const PASSED_ON = 'SIGUSR2'

/** The environment of a process that runs inside this lab's network. */
export const insideOf = (name: string): Readonly<Record<string, string>> => ({ [INSIDE]: name })

/** Whether this process runs inside a lab's network. */
export const isInside = (): boolean => process.env[INSIDE] !== undefined

/** The lab that this process runs inside of, if any. */
export async function insideLab({ dryRun = false } = {}): Promise<Twin | undefined> {
  const name = process.env[INSIDE]
  if (name === undefined) return undefined
  return (await import('./twin.ts')).twinOf(name, dryRun)
}

/** What a run needs of the lab. */
export interface RunNeeds {
  /** Names of the hosts that it is limited to; undefined: it is not. */
  readonly hosts?: readonly string[] | undefined
  /** Names of the roles that it runs; undefined: any. */
  readonly roles?: readonly string[] | undefined
}

interface InsideOptions {
  /** The inventory's file. */
  readonly inventory: string
  /** Hosts to boot as QEMU machines; undefined keeps what runs. */
  readonly vm?: readonly string[] | undefined
  /** Dirt for every host that can have it; undefined: as before. */
  readonly dirt?: readonly string[] | undefined
  /** What the command works on; undefined: all hosts, any role. */
  readonly needs?: RunNeeds | undefined
  /** A directory of downloads (`--artifacts`); default FMC_ARTIFACTS. */
  readonly artifactsDir?: string | undefined
  /** Install missing prerequisites without asking. */
  readonly yes: boolean
  /** A terminal, for progress in a line that changes. */
  readonly terminal?: Terminal | undefined
  readonly log: (text: string) => void
}

/**
 * Boots the inventory's twin unless it is up, and runs this command line again inside its network: only there its
 * addresses exist. Hosts that `fmc lab kill` has switched off, or that the lab was brought up without, stay off.
 * Resolves with the exit code of the process inside.
 */
export async function runInside(o: InsideOptions): Promise<number> {
  const [{ up }, { dirtNamed }, { enterLab }, { loadInventory }] = await Promise.all([
    import('./up.ts'),
    import('./dirt.ts'),
    import('./enter.ts'),
    import('../inventory/load.ts'),
  ])
  const name = process.env['FMC_LAB'] ?? 'default'
  const state = await up(await loadInventory(resolve(o.inventory)), {
    name,
    asItIs: true,
    yes: o.yes,
    log: o.log,
    terminal: o.terminal,
    ...(o.vm ? { vm: [...o.vm] } : {}),
    dirt: o.dirt && dirtNamed(o.dirt),
    artifactsDir: o.artifactsDir,
    only: o.needs?.hosts,
    roles: o.needs?.roles,
  })
  const [command = '', ...args] = enterLab(state, [
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ])
  const child = spawn(command, args, {
    stdio: 'inherit',
    env: { ...process.env, ...insideOf(name) },
  })
  const passOn = (): void => void child.kill(PASSED_ON)
  const end = (): void => void child.kill('SIGTERM')
  process.on('SIGINT', passOn).on('SIGTERM', end)
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => {
      process.off('SIGINT', passOn).off('SIGTERM', end)
      done(code ?? (signal === 'SIGINT' || signal === PASSED_ON ? EXIT.interrupted : 128))
    })
  })
}
