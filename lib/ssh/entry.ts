import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { UnreachableError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import { PasswordPrompt, sudoError } from './sudo.ts'
import type { Target } from './types.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin'
const NOISE = 64 * 1024 // what a login may print before the greeting

/** A command for `Link.exec` and the random words by which its answers are known. */
export interface Entry {
  readonly command: string
  readonly token: string
  readonly prompt: string
}

/** A shell that greeted. Its streams are paused and start right after the greeting. */
export interface Process {
  readonly pipe: Pipe
  readonly pid: number
  readonly pgid: number
}

/** What every script sees: no login profile, no locale, a fixed PATH. */
const environment = (root: boolean): string =>
  `LC_ALL=C PATH=${PATH}${root ? ' HOME=/root' : ''}; export LC_ALL PATH HOME; ` +
  `unset ENV BASH_ENV CDPATH LANGUAGE GREP_OPTIONS POSIXLY_CORRECT TMPDIR; umask 022; cd /`

/** Greets on both streams with pid and process group. Builtins only; the group is the third field after the name (proc(5), stat). */
const greeting = (token: string): string =>
  `{ read -r _fmc </proc/$$/stat; } 2>/dev/null; set -- \${_fmc##*) }; ` +
  `printf '\\036${token}:0:%d:%d;' "$$" "\${3:-$$}"; printf '\\036${token}:0;' >&2; set --`

/**
 * The exec request that becomes root (through sudo if the target says so), greets, then runs `body`.
 * sudo gets a random prompt: the password goes only to who shows exactly that prompt.
 */
export const entry = (target: Target, body: (token: string) => string): Entry => {
  const token = randomBytes(12).toString('hex')
  const prompt = `[fmc ${randomBytes(12).toString('hex')}] `
  const script = `${environment(target.sudo || target.user === 'root')}\n${greeting(token)}\n${body(token)}`
  const sudo = target.sudo ? `export LC_ALL=C; exec sudo -S -p ${quote(prompt)} --` : 'exec'
  return { command: `${sudo} /bin/sh -c '${script.replaceAll("'", `'\\''`)}'`, token, prompt }
}

/** Starts an entry and waits for its greeting, answering sudo once. Nothing else may be written before. Rejects with UnreachableError. */
export const start = async (
  link: Link,
  target: Target,
  how: Entry,
  limits: Limits,
): Promise<Process> => {
  const pipe = await link.exec(how.command)
  try {
    return await new Promise<Process>(
      (resolve, reject) => new Greeted(link, pipe, target, how, limits, resolve, reject),
    )
  } catch (error) {
    pipe.destroy()
    throw error
  }
}

/** Reads both streams up to the greeting. */
class Greeted {
  readonly #link: Link
  readonly #pipe: Pipe
  readonly #target: Target
  readonly #how: Entry
  readonly #password: PasswordPrompt
  readonly #timer: NodeJS.Timeout
  readonly #resolve: (process: Process) => void
  readonly #reject: (error: unknown) => void
  #out = ''
  #err = ''

  constructor(
    link: Link,
    pipe: Pipe,
    target: Target,
    how: Entry,
    limits: Limits,
    resolve: (process: Process) => void,
    reject: (error: unknown) => void,
  ) {
    this.#link = link
    this.#pipe = pipe
    this.#target = target
    this.#how = how
    this.#resolve = resolve
    this.#reject = reject
    this.#password = new PasswordPrompt(target, how.prompt)
    this.#timer = setTimeout(
      () => this.#fail(this.#none(`none came within ${limits.enterMs / 1000} s`)),
      limits.enterMs,
    )
    pipe.stdout.on('data', this.#onOut)
    pipe.stderr.on('data', this.#onErr)
    void pipe.ended.then(ending => this.#ended(ending))
  }

  // latin1 keeps the bytes as they are, so that the rest can be given back
  readonly #onOut = (chunk: Buffer): void => {
    this.#out = (this.#out + chunk.toString('latin1')).slice(-NOISE)
    this.#check()
  }

  readonly #onErr = (chunk: Buffer): void => {
    this.#err = (this.#err + chunk.toString('latin1')).slice(-NOISE)
    try {
      this.#password.answer(this.#err)?.then(p => this.#pipe.stdin.write(`${p}\n`), this.#fail)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#check()
  }

  readonly #fail = (error: unknown): void => {
    this.#leave()
    this.#reject(error)
  }

  #leave(): void {
    clearTimeout(this.#timer)
    this.#pipe.stdout.off('data', this.#onOut)
    this.#pipe.stderr.off('data', this.#onErr)
  }

  #check(): void {
    const { token } = this.#how
    const out = new RegExp(`\\x1e${token}:0:(\\d+):(\\d+);`).exec(this.#out)
    const err = `\x1e${token}:0;`
    const at = this.#err.indexOf(err)
    if (!out || at < 0) return
    this.#leave()
    giveBack(this.#pipe.stdout, this.#out.slice(out.index + out[0].length))
    giveBack(this.#pipe.stderr, this.#err.slice(at + err.length))
    this.#resolve({ pipe: this.#pipe, pid: Number(out[1]), pgid: Number(out[2]) })
  }

  #ended({ code, signal }: Ending): void {
    const said = this.#said()
    const known = this.#target.sudo ? sudoError(this.#target, said) : undefined
    if (known) this.#fail(known)
    else if (code !== undefined || signal !== undefined)
      this.#fail(this.#none(`it ended with ${signal ?? `exit ${code ?? 0}`}`))
    else void this.#link.explain(said).then(this.#fail)
  }

  #said(): string {
    return Buffer.from(this.#err, 'latin1').toString('utf8').replaceAll(this.#how.prompt, '').trim()
  }

  #none(why: string): UnreachableError {
    const said = this.#said().slice(-2000)
    const { name, user } = this.#target
    return new UnreachableError(`${name}: no shell for ${user}: ${why}${said ? `: ${said}` : ''}`)
  }
}

const giveBack = (stream: Readable, rest: string): void => {
  stream.pause()
  if (rest !== '') stream.unshift(Buffer.from(rest, 'latin1'))
}
