import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { kill } from 'node:process'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { UnreachableError } from '../../lib/errors.ts'
import type { Ending, Link, Pipe } from '../../lib/ssh/link.ts'
import { ENV, type LightHost } from './light-host.ts'

/** What the program in the host says about a command (host/exec.go), one line each. */
export type Heard = (line: string) => void

/** Changes what a remote process prints, on its way here. */
export type Tamper = (chunk: Buffer) => Buffer

/** How the next process of a link starts. */
export interface Manner {
  /** A rule of host/exec.go; undefined: the process runs without a supervisor. */
  readonly rule: string | undefined
  readonly heard: Heard
}

/** One remote process, and the hands that a fault has on it. */
export class LightProcess {
  readonly pipe: Pipe
  readonly #child: ChildProcess
  readonly #stdout = new PassThrough()
  readonly #stderr = new PassThrough()
  readonly #manner: Manner
  readonly #host: LightHost
  #lost = false
  #signal: string | undefined
  #crashed = false
  #tamper: Tamper | undefined
  #swallow: ((text: string) => void) | undefined
  #held: (() => void)[] | undefined
  #ready: (() => void)[] = []
  #end: (ending: Ending) => void = () => undefined

  constructor(host: LightHost, command: string, manner: Manner) {
    this.#host = host
    this.#manner = manner
    const words =
      manner.rule === undefined
        ? ['setsid', '-w', 'sh', '-c', command]
        : ['/.host', 'exec', '3', '4', manner.rule, 'sh', '-c', command]
    const [program = '', ...args] = host.argv(...words)
    const child = spawn(program, args, {
      env: ENV,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const stream of child.stdio) stream?.on('error', () => undefined)
    this.#pass(child.stdout, this.#stdout)
    this.#pass(child.stderr, this.#stderr)
    let rest = ''
    ;(child.stdio[3] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#said(line)
    })
    const ended = new Promise<Ending>(resolve => {
      this.#end = resolve
    })
    child.on('close', code => this.#closed(code))
    this.pipe = {
      stdin: child.stdin,
      stdout: this.#stdout,
      stderr: this.#stderr,
      ended,
      destroy: () => this.cut(),
    }
  }

  #pass(from: Readable, to: PassThrough): void {
    from.on('data', (chunk: Buffer) => {
      if (this.#lost) return
      if (this.#swallow) this.#swallow(chunk.toString('latin1'))
      else if (this.#held) this.#held.push(() => void to.write(chunk))
      else to.write(this.#tamper && to === this.#stdout ? this.#tamper(chunk) : chunk)
    })
  }

  #said(line: string): void {
    if (line === 'ready') this.#ready.shift()?.()
    else if (line.startsWith('signal '))
      this.#signal = line.slice(7) === '9' ? 'SIGKILL' : `signal ${line.slice(7)}`
    else {
      if (line.startsWith('crashed')) this.#crashed = true
      this.#manner.heard(line)
    }
  }

  #closed(code: number | null): void {
    this.#stdout.end()
    this.#stderr.end()
    const lost = this.#lost || this.#crashed
    this.#end({
      code: lost || this.#signal !== undefined ? undefined : (code ?? undefined),
      signal: lost ? undefined : (this.#signal ?? (code === null ? 'SIGKILL' : undefined)),
    })
  }

  /** Gives the host's program another rule, and resolves once it holds, or once the process is gone. */
  rule(text: string): Promise<void> {
    return new Promise(resolve => {
      this.#ready.push(resolve)
      this.tell(text)
      void this.pipe.ended.then(() => resolve())
    })
  }

  /** Says something to the host's program. */
  tell(text: string): void {
    ;(this.#child.stdio[4] as Writable).write(`${text}\n`)
  }

  /** The connection breaks: both sides see the end of what they read, and nothing says how the process ended. */
  cut(): void {
    if (this.#lost) return
    this.#lost = true
    this.#child.stdin?.destroy()
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
    this.#stdout.end()
    this.#stderr.end()
    this.#end({ code: undefined, signal: undefined })
  }

  /** fmc loses the process; the host does not notice, and its shell waits for more. */
  forget(): void {
    if (this.#lost) return
    this.#lost = true
    this.#stdout.end()
    this.#stderr.end()
    this.#end({ code: undefined, signal: undefined })
  }

  /** Ends what `forget` has left on the host. */
  clear(): void {
    this.#lost = true
    this.#child.stdin?.destroy()
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  /** The shell behind the supervisor or setsid: the youngest generation that is still one process. */
  killShell(): Promise<void> {
    const shell = this.#host.processes().find(pid => {
      try {
        return /^(sh|dash)$/.test(readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
      } catch {
        return false
      }
    })
    if (shell !== undefined) kill(Number(shell), 'SIGKILL')
    return Promise.resolve()
  }

  /** From now on the answers go to `take` and not to fmc. */
  swallow(take: (text: string) => void): void {
    this.#swallow = take
  }

  /** Changes all that comes from now on; undefined: no more. */
  tamper(change: Tamper | undefined): void {
    this.#tamper = change
  }

  /** Keeps back what the host says until `release`. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const give of held) give()
  }
}

/** A way to start processes on a light host: it stands in for an SSH connection. */
export class LightLink implements Link {
  readonly #host: LightHost
  readonly #next: () => Manner
  readonly processes: LightProcess[] = []
  /** New processes do not start any more. */
  #dead = false
  #dark = false

  constructor(host: LightHost, next: () => Manner) {
    this.#host = host
    this.#next = next
  }

  exec(command: string): Promise<Pipe> {
    if (this.#dead) return Promise.reject(this.#lost())
    const process = new LightProcess(this.#host, command, this.#next())
    this.processes.push(process)
    return Promise.resolve(process.pipe)
  }

  #lost(): UnreachableError {
    return new UnreachableError(`${this.#host.name}: the connection was lost`)
  }

  explain(): Promise<UnreachableError> {
    return Promise.resolve(this.#lost())
  }

  connected(): never {
    throw new Error('a light host has no transport')
  }

  /** Cuts all processes. */
  break(): void {
    this.#dead = true
    for (const process of this.processes) process.cut()
  }

  /** No byte arrives any more, and the host does not know. */
  darken(): void {
    this.#dark = true
    for (const process of this.processes) process.hold()
  }

  /** After `darken`: fmc gives the connection up. */
  forget(): void {
    this.#dead = true
    for (const process of this.processes) process.forget()
  }

  /** The host notices after all. */
  clear(): void {
    for (const process of this.processes) process.clear()
  }

  close(): void {
    if (this.#dark) return this.forget()
    this.#dead = true
    for (const process of this.processes) process.cut()
  }
}
