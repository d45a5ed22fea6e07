import { spawn } from 'node:child_process'
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
    })
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
