import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'

/** One finished run of a contender. */
export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Wall time of the whole process, start included. */
  readonly ms: number
  /** User and system time of the process and the children it waited for. */
  readonly cpuMs: number
  /** Of the largest of these processes. */
  readonly rssMb: number
}

const running = new Set<ChildProcess>()

/** Ends what is still running; for the way out. */
export const endAll = (): void => {
  for (const child of running) child.kill('SIGTERM')
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly cwd?: string | undefined
}

/** GNU time: the only program that tells both processor time and memory. Without it they are 0. */
export const TIME = '/usr/bin/time'

let sequence = 0

/** Runs a command to its end under GNU time. Never throws for its exit code. */
export async function run(argv: readonly string[], o: RunOptions = {}): Promise<Run> {
  const report = `/tmp/fmc-bench-time.${process.pid}.${++sequence}`
  const start = performance.now()
  const timed = existsSync(TIME)
    ? [TIME, '-q', '-f', '%U %S %M', '-o', report, '--', ...argv]
    : argv
  const child = spawn(timed[0] ?? '', timed.slice(1), {
    cwd: o.cwd,
    env: { ...process.env, NO_COLOR: '1', ...o.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (d: Buffer) => out.push(d))
  child.stderr.on('data', (d: Buffer) => err.push(d))
  const closed = new Promise(done => child.on('close', done))
  try {
    // `exit` and not `close`: a connection that is left behind (ControlPersist) may keep the pipes open.
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', c => resolve(c ?? 128))
    })
    const ms = performance.now() - start
    await Promise.race([closed, sleep(200)])
    const [user = 0, system = 0, kb = 0] = (existsSync(report) ? readFileSync(report, 'utf8') : '')
      .trim()
      .split(' ')
      .map(Number)
    return {
      code,
      stdout: Buffer.concat(out).toString(),
      stderr: Buffer.concat(err).toString(),
      ms,
      cpuMs: (user + system) * 1000,
      rssMb: kb / 1024,
    }
  } finally {
    running.delete(child)
    child.stdout.destroy()
    child.stderr.destroy()
    rmSync(report, { force: true })
  }
}

const sleep = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/** A process that serves the bench until `stop`. */
export function serve(argv: readonly string[]): {
  readonly pid: number
  readonly ready: Promise<void>
  stop(): Promise<void>
} {
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  const ended = new Promise<void>(done => child.on('exit', () => (running.delete(child), done())))
  const ready = new Promise<void>((done, fail) => {
    child.stdout.once('data', () => done())
    child.once('exit', code =>
      fail(new Error(`${argv.join(' ')} ended with ${code ?? 'a signal'}`)),
    )
    child.once('error', fail)
  })
  return {
    pid: child.pid ?? 0,
    ready,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Of several runs. */
export interface Stats {
  readonly n: number
  readonly median: number
  readonly min: number
  readonly max: number
  readonly cpuMs: number
  readonly rssMb: number
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = NaN, high = NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

export const stats = (runs: readonly Run[]): Stats => ({
  n: runs.length,
  median: median(runs.map(r => r.ms)),
  min: Math.min(...runs.map(r => r.ms)),
  max: Math.max(...runs.map(r => r.ms)),
  cpuMs: median(runs.map(r => r.cpuMs)),
  rssMb: Math.max(...runs.map(r => r.rssMb)),
})

/**
 * Something that is run again and again. `before` is not timed. Throws when a run does not do what it should;
 * undefined: it failed, and that does not matter to the others.
 */
export interface Contender {
  readonly name: string
  before?(): void | Promise<void>
  run(): Promise<Run | undefined>
}

/** Alternating rounds, so that what disturbs the machine disturbs all contenders. One more round comes first and is not counted. */
export async function rounds(
  contenders: readonly Contender[],
  count: number,
  warmUp = true,
): Promise<Map<string, Run[]>> {
  const results = new Map<string, Run[]>(contenders.map(c => [c.name, []]))
  for (let round = warmUp ? -1 : 0; round < count; round++)
    for (const contender of contenders) {
      await contender.before?.()
      const result = await contender.run()
      if (round >= 0 && result !== undefined) results.get(contender.name)?.push(result)
    }
  return results
}

/** A run that must end with 0. */
export function good(what: string, result: Run, alsoBad?: (r: Run) => string | undefined): Run {
  const bad = result.code === 0 ? alsoBad?.(result) : `exit code ${result.code}`
  if (bad !== undefined)
    throw new Error(`${what}: ${bad}\n${result.stderr.slice(-3000)}${result.stdout.slice(-3000)}`)
  return result
}
