import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Options, ProcessOutput, ProcessPromise, Shell } from 'zx/core'
import { quote } from './quote.ts'

export type { ProcessOutput, ProcessPromise } from 'zx/core'

/** What a command answered; the shape of ssh's Output, which this layer does not know. */
interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let zx: Shell | undefined

/** zx is loaded while hosts are being connected to; `bindZx` needs it. */
export async function loadZx(): Promise<void> {
  zx ??= (await import('zx/core')).$
}

/** A template argument as a shell word; arrays are several words. */
export const toWord = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(toWord).join(' ')
  if (typeof value === 'string' || typeof value === 'number') return quote(String(value))
  throw new TypeError(
    `a ${value === null ? 'null' : typeof value} cannot be put into a command${String(value) === '‹secret›' ? ': give secrets by { stdin }' : ''}`,
  )
}

/** The text of a command template, its arguments quoted for a POSIX shell. */
export const commandText = (pieces: TemplateStringsArray, args: readonly unknown[]): string =>
  String.raw({ raw: pieces }, ...args.map(toWord)).trim()

/**
 * zx's own `$` with its child process replaced by a question to a host: it never throws on a non-zero exit,
 * and .ok, .stdout, .text(), .lines(), .json() are zx's. Nothing runs on the controller: zx's spawn,
 * quote and prefix are replaced (stock zx would use the local bash).
 */
export function bindZx(
  answer: (command: string) => Promise<Answer>,
): (pieces: TemplateStringsArray, ...args: unknown[]) => ProcessPromise {
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

/** What became of one command, besides its answer. */
interface Call {
  /** Why there is none: the host is gone, or the command was ended. */
  error?: unknown
}

/** zx's nothrow is about exit codes. That a host gave no answer must never look like the answer no. */
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

/** Just enough of a ChildProcess for zx: only `close` settles its promise, so `error` is followed by it. */
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
