import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { UnreachableError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import { entry, start, type Process } from './entry.ts'
import { MarkedStream } from './marked-stream.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import type { Target } from './types.ts'
import { SPELLED } from './word.ts'

export interface StreamOptions {
  /** Takes each piece of output as it arrives. The host is not read until a returned promise resolves. */
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void> | undefined
  /** Standard input in pieces; default /dev/null. */
  readonly input?: AsyncIterable<Buffer> | undefined
  /** Run as this user instead of the login's root; a valid user name. */
  readonly asUser?: string | undefined
  /** After this time fmc ends the command on the host. Default: none. */
  readonly timeoutMs?: number | undefined
  /** Aborting it ends the command on the host: TERM to its process group, after the grace time KILL. */
  readonly stop?: AbortSignal | undefined
  /** Aborting it ends the connection at once. */
  readonly giveUp?: AbortSignal | undefined
}

/** How a streamed command ended. */
export interface StreamEnd {
  /** Its exit code; 128+n: signal n ended it. */
  readonly code: number
  /** Set when fmc ended it. */
  readonly ended?: 'timeout' | 'stop' | undefined
}

/** The kernel's numbers of the signals that end a command (signal(7)). */
const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

/** The exit code of a command whose user does not exist (EX_NOUSER, sysexits.h). */
const NO_USER = 67

/**
 * Shell text that reads a script of `bytes` bytes from standard input and runs it: so the script is in no argument list.
 * dd with blocks of one byte leaves the rest of standard input to the script.
 */
const received = (bytes: number, input: boolean): string =>
  `_fmc=$(dd bs=1 count=${bytes} 2>/dev/null); eval "unset _fmc\n$_fmc"${input ? '' : ' </dev/null'}`

/** The same as another user, with that user's groups, HOME and name (setpriv(1)). */
const receivedAs = (user: string, script: string): string =>
  `HOME=$(getent passwd ${quote(user)} | cut -d: -f6); [ -n "$HOME" ] || { echo ${quote(`there is no user ${user} on this host`)} >&2; exit ${NO_USER}; }
USER=${quote(user)} LOGNAME=${quote(user)}; export HOME USER LOGNAME
exec setpriv --reuid=${quote(user)} --regid="$(id -g ${quote(user)})" --init-groups -- /bin/sh -c ${quote(script)}`

/** The marks at the end of both streams say that the command is over, even if it left a process behind that holds them open. */
const framed = (script: string): string =>
  `( unset _fmc_t; ${script}\n); set -- "$?" ${SPELLED_WORD}\n` +
  `printf '\\036%s:e:%03d;' "$2" "$1"; printf '\\036%s:e:%03d;' "$2" "$1" >&2; exit "$1"`

const SPELLED_WORD = `'${SPELLED}'`

/**
 * Runs a script as a process of its own and passes on its output piece by piece. fmc keeps none of it. Resolves when the
 * command has ended; rejects with UnreachableError when the connection is lost, and with the error of `input`.
 */
export const stream = async (
  link: Link,
  target: Target,
  limits: Limits,
  script: string,
  options: StreamOptions,
): Promise<StreamEnd> => {
  const text = received(Buffer.byteLength(script), options.input !== undefined)
  const body = framed(options.asUser === undefined ? text : receivedAs(options.asUser, text))
  const process = await start(
    link,
    target,
    entry(target, () => body),
    limits,
  )
  return new Stream(link, target, limits, process, options).follow(script)
}

class Stream {
  readonly #link: Link
  readonly #target: Target
  readonly #limits: Limits
  readonly #process: Process
  readonly #options: StreamOptions
  #over = false
  #inputError: unknown
  #ended: StreamEnd['ended']
  /** Closes the channel and does not wait: sshd keeps the channel until the command ends (ssh2 only reports it then). */
  #abandon: () => void = () => undefined

  constructor(
    link: Link,
    target: Target,
    limits: Limits,
    process: Process,
    options: StreamOptions,
  ) {
    this.#link = link
    this.#target = target
    this.#limits = limits
    this.#process = process
    this.#options = options
  }

  async follow(script: string): Promise<StreamEnd> {
    const { pipe, word } = this.#process
    const { stop, timeoutMs, giveUp } = this.#options
    const onStop = (): void => void this.#end('stop')
    const onGiveUp = (): void => this.#abandon()
    const abandoned = new Promise<void>(resolve => {
      this.#abandon = () => {
        pipe.destroy()
        resolve()
      }
    })
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => void this.#end('timeout'), timeoutMs)
    stop?.addEventListener('abort', onStop)
    giveUp?.addEventListener('abort', onGiveUp)
    pipe.stdin.on('error', () => undefined) // the command need not read its input
    this.#send(script)
    try {
      const marked = Promise.all([
        this.#read(pipe.stdout, 'stdout', word),
        this.#read(pipe.stderr, 'stderr', word),
      ])
      if (stop?.aborted) onStop()
      if (giveUp?.aborted) onGiveUp()
      const [code] = await Promise.race([
        marked,
        this.#endOf(pipe),
        abandoned.then(async () => [await this.#codeOf({ code: undefined, signal: undefined })]),
      ])
      if (this.#inputError !== undefined) throw this.#inputError as Error
      return { code, ended: this.#ended }
    } finally {
      this.#over = true
      clearTimeout(timer)
      stop?.removeEventListener('abort', onStop)
      giveUp?.removeEventListener('abort', onGiveUp)
      pipe.destroy()
    }
  }

  /** Resolves with the exit code at the end of the stream; never, if it ends without one. */
  #read(stream: Readable, name: 'stdout' | 'stderr', word: string): Promise<number> {
    return new Promise(resolve => {
      const marked = new MarkedStream(word)
      stream.on('data', (chunk: Buffer) => {
        const { bytes, code } = marked.push(chunk)
        const wait = bytes.length > 0 ? this.#options.onOutput(name, bytes) : undefined
        if (wait) {
          stream.pause()
          void wait.then(() => stream.resume())
        }
        if (code !== undefined) resolve(code)
      })
      stream.once('end', () => {
        const rest = marked.rest()
        if (rest.length > 0) void this.#options.onOutput(name, rest)
      })
      stream.resume()
    })
  }

  /** The exit code once the process has ended and all that it printed is read: ssh2 reports the end before the rest of stderr. */
  async #endOf({ stdout, stderr, ended }: Pipe): Promise<readonly [number]> {
    const read = [stdout, stderr].map(stream => finished(stream).catch(() => undefined))
    const code = await this.#codeOf(await ended)
    if (this.#ended === undefined && !this.#options.giveUp?.aborted) await Promise.all(read)
    return [code]
  }

  /** The exit code of a command that ended without marks: a signal reached its shell, too. */
  async #codeOf({ code, signal }: Ending): Promise<number> {
    if (signal !== undefined) return 128 + (SIGNALS[signal] ?? 0)
    if (code !== undefined) return code
    if (this.#ended !== undefined) return 128 + 15
    if (this.#options.giveUp?.aborted)
      throw new UnreachableError(
        `${this.#target.name}: the connection was closed before the command ended`,
      )
    throw await this.#link.explain('')
  }

  /** Sends the script and the input. When the input cannot be read, it ends the command. */
  #send(script: string): void {
    this.#pump(script).catch((error: unknown) => {
      this.#inputError = error
      void this.#end('stop')
    })
  }

  async #pump(script: string): Promise<void> {
    const { stdin, ended } = this.#process.pipe
    stdin.write(script)
    for await (const chunk of this.#options.input ?? []) {
      if (this.#over || stdin.destroyed) return
      if (!stdin.write(chunk)) await Promise.race([drained(stdin), ended])
    }
    if (!this.#over) stdin.end()
  }

  /** Ends the command on the host: TERM, after the grace time KILL, to its whole process group. */
  async #end(why: 'timeout' | 'stop'): Promise<void> {
    if (this.#over || this.#ended) return
    this.#ended = why
    for (const signal of ['TERM', 'KILL'] as const) {
      if (this.#isOver()) return
      await this.#signal(signal).catch(() => undefined) // a lost connection is reported by `ended`
      await Promise.race([this.#process.pipe.ended, wait(this.#limits.graceMs)])
    }
    this.#abandon()
  }

  #isOver(): boolean {
    return this.#over
  }

  async #signal(signal: 'TERM' | 'KILL'): Promise<void> {
    const how = entry(this.#target, () => `kill -s ${signal} -- -${this.#process.pgid}`)
    const { pipe } = await start(this.#link, this.#target, how, this.#limits)
    pipe.stdout.resume()
    pipe.stderr.resume()
    await pipe.ended
  }
}

/** Resolves also when the pipe breaks (EPIPE): then nobody reads it any more on the host, which is no error. */
export const drained = (pipe: Writable): Promise<unknown> =>
  once(pipe, 'drain').catch(() => undefined)

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
