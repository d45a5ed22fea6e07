import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Event } from '../engine/events.ts'

/** A process that has ended. */
export interface Ran {
  /** Its exit code; 137 when it was killed. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type TaskEvent = Extract<Event, { type: 'task' }>
export type RecapEvent = Extract<Event, { type: 'recap' }>

/** One run of fmc with `--output json`, read back. */
export interface FmcRun extends Ran {
  /** Every line of NDJSON, in order. */
  readonly events: readonly Event[]
  readonly tasks: readonly TaskEvent[]
  /** undefined: fmc ended before it ran anything; `stderr` says why. */
  readonly recap: RecapEvent | undefined
  /** `host role/task` of every task that changed, or in a dry run would change, something; sorted. */
  readonly changed: readonly string[]
  /** What failed, with the output of what failed. */
  readonly failures: readonly string[]
}

/** The directory of the fmc that this module belongs to, found from the bundle as from the sources. */
export const fmcRoot = (): string => {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir))
    if (nameIn(dir) === 'fmc') return dir
  throw new Error(`there is no package fmc around ${import.meta.dirname}`)
}

const nameIn = (dir: string): unknown => {
  try {
    const text = readFileSync(join(dir, 'package.json'), 'utf8')
    return (JSON.parse(text) as { name?: unknown }).name
  } catch {
    return undefined
  }
}

/** The command line that starts that fmc. */
export const fmcCommand = (...args: readonly string[]): string[] => [
  process.execPath,
  join(fmcRoot(), 'lib/bin.js'),
  ...args,
]

const children = new Set<ChildProcess>()

/** Kills the processes that `run` waits for. */
export const killRunning = (): void => {
  for (const child of children) child.kill('SIGKILL')
}

/** Runs a process to its end; `input` is its stdin. */
export function run(
  argv: readonly string[],
  o: { input?: string; env?: Readonly<Record<string, string | undefined>>; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // Without the loaders of a test runner: what is tested is what a user runs.
    const child = spawn('env', ['-u', 'NODE_OPTIONS', ...argv], {
      cwd: o.cwd,
      env: { ...process.env, NO_COLOR: '1', ...o.env },
    })
    children.add(child)
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (d: Buffer) => out.push(d))
    child.stderr.on('data', (d: Buffer) => err.push(d))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      children.delete(child)
      resolve({
        code: code ?? (signal === 'SIGKILL' ? 137 : 128),
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      })
    })
    child.stdin.on('error', () => undefined).end(o.input ?? '')
  })
}

/** What a process of fmc with `--output json` has printed. */
export function readRun(ran: Ran): FmcRun {
  const events = ran.stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Event)
  const tasks = events.filter(e => e.type === 'task')
  const recap = events.find(e => e.type === 'recap')
  return {
    ...ran,
    events,
    tasks,
    recap,
    changed: tasks
      .filter(e => e.status === 'changed')
      .map(e => `${e.host} ${e.role}/${e.task}`)
      .sort(),
    failures: [
      ...tasks.flatMap(e =>
        e.failure ? [`${e.host} ${e.role}: ${e.failure.message}\n${e.failure.output ?? ''}`] : [],
      ),
      ...events.flatMap(e =>
        e.type === 'host' && 'failure' in e ? [`${e.host}: ${e.failure.message}`] : [],
      ),
    ],
  }
}
