/** zx's `$`, bound to a host instead of this machine. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Options, ProcessOutput, ProcessPromise, Shell } from 'zx/core'
import { quote } from './quote.ts'

/** What a command on a host has printed: the part of zx's ProcessOutput that a host fills in. */
export interface CommandOutput {
  /** The exit code was 0. */
  readonly ok: boolean
  /** 128+n: signal n ended the command. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout. */
  text(): string
  /** The lines of stdout, without line ends. */
  lines(): string[]
  /** stdout read as JSON. Throws SyntaxError. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as zx declares it
  json<T = unknown>(): T
}

/** A command that runs on a host: the part of zx's ProcessPromise that makes sense there. */
export interface CommandPromise extends Promise<CommandOutput> {
  readonly exitCode: Promise<number | null>
  text(): Promise<string>
  lines(): Promise<string[]>
  json<T = unknown>(): Promise<T>
}

/** A command's result. The same shape as ssh's Output, which this layer must not import. */
interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let zx: Shell | undefined

/** Loads zx, which `bindZx` needs; the engine calls it while it connects to hosts. */
export async function loadZx(): Promise<void> {
  zx ??= (await import('zx/core')).$
}

/** A template argument as a shell word; an array becomes several words. Throws TypeError for any other value. */
const toWord = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(toWord).join(' ')
  if (typeof value === 'string' || typeof value === 'number') return quote(String(value))
  throw new TypeError(
    `a ${value === null ? 'null' : typeof value} cannot be part of a command${String(value) === '‹secret›' ? ': pass a secret with { stdin }' : ''}`,
  )
}

/** The text of a command template, its arguments quoted for a POSIX shell. */
export const commandText = (pieces: TemplateStringsArray, args: readonly unknown[]): string =>
  String.raw({ raw: pieces }, ...args.map(toWord)).trim()

/**
 * zx's own `$` that runs its command on a host: it does not throw on a non-zero exit, and .ok, .stdout, .text(), .lines()
 * and .json() are zx's. Nothing runs on the controller, because zx's spawn, quote and prefix are replaced (stock zx
 * would use the local bash).
 */
export function bindZx(
  answer: (command: string) => Promise<Answer>,
): (pieces: TemplateStringsArray, ...args: unknown[]) => CommandPromise {
  if (!zx) throw new Error('loadZx() first')
  let call: Call = {}
  const options: unknown = {
    spawn: (command: string) => child(answer(command), call),
    spawnSync: () => {
      throw new Error('a probe cannot run synchronously')
    },
    quote,
    prefix: '',
    postfix: '',
    shell: 'sh',
    quiet: true,
    nothrow: true,
    cwd: '.',
    env: {},
    preferLocal: false,
    detached: false,
  }
  const bound = zx(options as Options)
  return (pieces, ...args) => {
    const mine: Call = (call = {})
    return orThrow(bound(pieces, ...(args.map(a => checked(a)) as string[])), mine)
  }
}

/** State of one command. */
interface Call {
  /** Why there is no answer: the host is unreachable, or fmc ended the command. */
  error?: unknown
}

/** Rejects when a host gave no answer: with zx's nothrow alone that would look like a non-zero exit. */
function orThrow(command: ProcessPromise, call: Call): ProcessPromise {
  const then = command.then.bind(command)
  command.then = ((ok?: (output: ProcessOutput) => unknown, bad?: (error: unknown) => unknown) =>
    new Promise<ProcessOutput>((resolve, reject) => {
      void then(
        output => (call.error === undefined ? resolve(output) : reject(call.error as Error)),
        reject,
      )
    }).then(ok, bad)) as typeof command.then
  return command
}

const checked = (value: unknown): unknown => (
  toWord(value),
  Array.isArray(value) ? value : String(value)
)

let sequence = 0

/** Implements the part of ChildProcess that zx uses. Only `close` settles zx's promise, so it follows `error` too. */
function child(answer: Promise<Answer>, call: Call): EventEmitter {
  const process = Object.assign(new EventEmitter(), {
    pid: `fmc:${++sequence}`,
    stdin: null,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    exitCode: null as number | null,
    kill: () => false,
  })
  answer.then(
    ({ code, stdout, stderr }) => {
      process.exitCode = code
      process.emit('exit', code, null)
      let open = 2
      for (const stream of [process.stdout, process.stderr])
        stream.once('close', () => --open === 0 && process.emit('close', code, null))
      process.stdout.end(stdout)
      process.stderr.end(stderr)
    },
    (error: unknown) => {
      call.error = error
      process.emit('error', error)
      process.emit('close', null, null)
    },
  )
  return process
}
