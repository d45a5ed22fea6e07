import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { FmcError } from '../errors.ts'

/** The result of a local command. */
export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface ExecOptions {
  readonly input?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** A non-zero exit is returned instead of thrown. */
  readonly allowFailure?: boolean | undefined
  readonly cwd?: string | undefined
}

/**
 * Runs a command of this machine (never through a shell) and waits for it.
 * Throws an FmcError with the end of its stderr when it exits non-zero, unless `allowFailure`.
 */
export const exec = (argv: readonly string[], options: ExecOptions = {}): Promise<Result> =>
  new Promise((resolve, reject) => {
    const [command = '', ...rest] = argv
    const child = spawn(command, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      // A process group, so that what it starts ends with it.
      detached: building.getStore() === true,
    })
    const { pid } = child
    if (pid !== undefined && building.getStore() === true) {
      groups.add(pid)
      child.on('close', () => groups.delete(pid))
    }
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (b: Buffer) => out.push(b))
    child.stderr.on('data', (b: Buffer) => err.push(b))
    child.stdin.on('error', () => undefined)
    child.on('error', e => reject(new FmcError(`the lab cannot run ${command}: ${e.message}`)))
    child.on('close', (code, signal) => {
      const result = {
        code: code ?? 128,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }
      if (result.code === 0 || options.allowFailure) resolve(result)
      else reject(new FmcError(failure(argv, result, signal)))
    })
    child.stdin.end(options.input ?? '')
  })

const failure = (argv: readonly string[], result: Result, signal: string | null): string => {
  const how = signal ? `was ended by ${signal}` : `exited with ${result.code}`
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-15).join('\n')
  return `${argv.slice(0, 6).join(' ')} ${how}${said ? `\n${said}` : ''}`
}

/** Like Promise.all, but waits for all to end even if one fails. */
export const all = async <T extends readonly unknown[]>(
  work: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> => {
  await Promise.allSettled(work)
  return Promise.all(work)
}

const building = new AsyncLocalStorage<true>()
/** Process groups of commands that build, and the directories that they build in. */
const groups = new Set<number>()
const halfBuilt = new Set<string>()
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Builds in a directory. When this process ends meanwhile, by itself or by Ctrl-C or another signal, the commands of
 * `make` end at once with all that they have started, and the directory is removed.
 */
export const buildIn = async (dir: string, make: (dir: string) => Promise<void>): Promise<void> => {
  if (halfBuilt.size === 0) {
    process.on('exit', endBuilding)
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  halfBuilt.add(dir)
  try {
    await building.run(true, () => make(dir))
  } finally {
    halfBuilt.delete(dir)
    if (halfBuilt.size === 0) stopListening()
  }
}

const stopListening = (): void => {
  process.off('exit', endBuilding)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

const endBuilding = (): void => {
  for (const pid of groups) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  for (const dir of halfBuilt) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
}

/** Who else listens decides how the process ends; nobody: by the signal, as it would without this listener. */
const onSignal = (signal: NodeJS.Signals): void => {
  const alone = process.listenerCount(signal) === 1
  endBuilding()
  if (!alone) return
  stopListening()
  process.kill(process.pid, signal)
}
