import { cleanBlock, safeJson } from '../text/sanitise.ts'
import { EXIT, FmcError } from '../errors.ts'
import type { ReportOptions } from '../report/types.ts'
import { inert, isObeyed } from '../report/workflow-command.ts'

/*
 * All output of the command line goes through here (eslint.config.js enforces it), so that no text from a host, a file
 * or the command line brings an escape code to a terminal. Reports clean the texts that they put together themselves.
 */

type Stream = 'stdout' | 'stderr'

/** In a CI job whose runner obeys lines of the log, no text brings it a command. */
const write = (stream: Stream, text: string): void =>
  void process[stream].write(isObeyed() ? inert(text) : text)

/** Text for people on stdout, made harmless (text/sanitise.ts), with a newline at the end. */
export const print = (text: string): void => write('stdout', `${cleanBlock(text)}\n`)

/** The same on stderr: messages, errors, progress. */
export const printError = (text: string): void => write('stderr', `${cleanBlock(text)}\n`)

/** A value as JSON and a newline on stdout, `indent` as in JSON.stringify; JSON.parse gives back exactly the same. */
export const printJson = (value: unknown, indent?: number): void =>
  write('stdout', `${safeJson(value, indent)}\n`)

declare const FMC_VERSION: string

/** The first line of all NDJSON. */
export const printVersion = (): void =>
  printJson({ type: 'version', fmc: FMC_VERSION, contract: 1 })

/** A line of a host's output with its prefix. The caller has made it harmless (host-lines.ts), all but the prefix's colour. */
export const writeLine = (stream: Stream, line: string): void => write(stream, `${line}\n`)

/** Commands for a runner among lines that contain no other ones (report/workflow-command.ts). */
export const printCommands = (text: string): void =>
  void process.stdout.write(`${cleanBlock(text)}\n`)

/** Resolves when a slow reader of stdout or stderr has caught up; undefined: it has not fallen behind. */
export const drained = (stream: Stream): Promise<void> | undefined => {
  const out = process[stream]
  if (!out.writableNeedDrain || out.destroyed) return undefined
  return new Promise(resolve => {
    const done = (): void => {
      out.off('drain', done).off('close', done)
      resolve()
    }
    out.once('drain', done).once('close', done)
  })
}

/** Does a person type on stdin? */
export const stdinIsTerminal = (): boolean => process.stdin.isTTY

/** Standard input, unless it is a terminal. */
export const standardInput = (): NodeJS.ReadStream | undefined =>
  process.stdin.isTTY ? undefined : process.stdin

/**
 * A file's text on stdout (a VPN configuration, an imported inventory). A file or a pipe gets every byte of it; on a
 * terminal, and in a CI job whose runner reads it, it is made harmless like everything else.
 */
export const printFile = (text: string): void =>
  process.stdout.isTTY ? print(text) : write('stdout', text)

/** A picture in terminal colours; qrCode() makes it of blocks and blanks only, so it is not cleaned. */
export const printPicture = (text: string): void => void process.stdout.write(text)

/** Lines in terminal colours, made of texts that are clean already (lib/report). */
export const printStyled = (lines: readonly string[]): void =>
  write('stdout', `${lines.join('\n')}\n`)

/** Is a person looking at stdout? */
export const isTerminal = (): boolean => process.stdout.isTTY

/**
 * Can a live view be drawn on stdout? Not on TERM=dumb, which cannot move its cursor (terminfo(5)), and not in a CI job
 * (CI is set), whose log would keep every frame.
 */
export const canMoveCursor = (env: NodeJS.ProcessEnv = process.env, tty = isTerminal()): boolean =>
  tty && env['TERM'] !== 'dumb' && ['', 'false'].includes(env['CI'] ?? '')

/**
 * Asks on stderr and reads one line of stdin; '' at its end (Ctrl-D), which with `must` interrupts. Throws FmcError with exit
 * code 130 at Ctrl-C, and when `signal` is aborted.
 */
export async function askLine(
  question: string,
  { signal, must = false }: { readonly signal?: AbortSignal; readonly must?: boolean } = {},
): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const interrupt = new AbortController()
  const stop = signal ? AbortSignal.any([signal, interrupt.signal]) : interrupt.signal
  const ended = new Promise<undefined>(done => lines.once('close', () => done(undefined)))
  lines.once('SIGINT', () => interrupt.abort())
  try {
    const text = cleanBlock(question).replace(/[:?]$/, '$& ')
    const line = await Promise.race([lines.question(text, { signal: stop }), ended])
    if (line !== undefined || !must) return line ?? ''
    throw new FmcError('interrupted', { exitCode: EXIT.interrupted })
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error
    throw new FmcError('interrupted', { exitCode: EXIT.interrupted })
  } finally {
    lines.close()
  }
}

/** Where reports write, with the terminal's size and colour. `commands`: the report writes commands for a runner itself. */
export const reportTarget = ({ commands = false } = {}): Omit<
  ReportOptions,
  'diff' | 'verbose'
> => ({
  stdout: commands ? process.stdout : harmless(process.stdout),
  stderr: harmless(process.stderr),
  color: process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
})

/** The stream, which in a CI job writes no command for its runner. */
const harmless = (stream: NodeJS.WriteStream): NodeJS.WritableStream =>
  isObeyed()
    ? new Proxy(stream, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target)
          if (typeof value !== 'function') return value
          return (first: unknown, ...rest: unknown[]): unknown =>
            Reflect.apply(value, target, [
              key === 'write' && typeof first === 'string' ? inert(first) : first,
              ...rest,
            ])
        },
      })
    : stream

/** A reader that closes its end (`| head`) is not an error: reports stop writing by themselves. */
export function ignoreClosedReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

/** stderr, if it is a terminal whose cursor can be moved: for a line that is written again and again. */
export const errorTerminal = (): NodeJS.WriteStream | undefined =>
  canMoveCursor(process.env, process.stderr.isTTY) ? process.stderr : undefined
