import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface Run {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** npm run fuzz with these options, in a process without the counters of tap's coverage. */
export const fuzz = (...args: readonly string[]): Promise<Run> =>
  run(process.execPath, [join(root, 'scripts/fuzz.js'), ...args])

/** A command line as it was printed. */
export const line = (command: string): Promise<Run> => run('/bin/sh', ['-c', command])

function run(program: string, args: readonly string[]): Promise<Run> {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const which of ['stdout', 'stderr'] as const)
    child[which].setEncoding('utf8').on('data', (text: string) => (said[which] += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...said }))
  })
}

/** A line of --json. */
export interface Told {
  readonly target: string
  readonly cases: number
  readonly failure?: { readonly input: string; readonly error: string }
  readonly replay?: string
}

export const told = ({ stdout }: Run): Told[] =>
  stdout
    .split('\n')
    .filter(l => l !== '')
    .map(l => JSON.parse(l) as Told)
