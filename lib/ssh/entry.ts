import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { UnreachableError } from '../errors.ts'
import { Heard, Search, Told } from './stream-search.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import { asRoot, SudoPrompt, sudoError } from './sudo.ts'
import type { Target } from './types.ts'
import { drawWord, SPELLED, UUID } from './word.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin'
/** What a login may print before the greeting. More is an error: a host that never ends costs nobody anything. */
const NOISE = 1024 * 1024
/** Characters of it that an error tells. */
const SHOWN = 2000

/**
 * A command for `Link.exec`. `tag` tells its greeting from whatever a login has printed before, and is no secret: it
 * stands in the exec request, which `ps` shows to every local user.
 *
 * What is trusted until root's shell has greeted: root, and the login user with all that its login runs (rc files, PAM,
 * sudo): who owns those reads the sudo password as well. Nobody else can write to these streams. The first greeting
 * counts: it comes before anything that fmc asks the host, and its word is drawn after `ps` has shown all it can show.
 */
export interface Entry {
  readonly command: string
  readonly tag: string
}

/** A shell that greeted. Its streams are paused and start right after the greeting. */
export interface Process {
  readonly pipe: Pipe
  readonly pid: number
  readonly pgid: number
  /** Drawn by the shell itself, for its marks. */
  readonly word: string
}

/** What every script sees: no login profile, no locale, a fixed PATH, no trace. */
const environment = (root: boolean): string =>
  `set +vx; LC_ALL=C PATH=${PATH}${root ? ' HOME=/root' : ''}; export LC_ALL PATH HOME; ` +
  `unset ENV BASH_ENV CDPATH LANGUAGE GREP_OPTIONS POSIXLY_CORRECT TMPDIR _fmc; umask 022; cd /`

/** Greets on both streams with word, pid and process group. Builtins only; the group is the third field after the name (proc(5), stat). */
const greeting = (tag: string): string =>
  `{ read -r _fmc </proc/$$/stat; } 2>/dev/null; set -- \${_fmc##*) }; ` +
  `printf '\\036${tag}:0:${SPELLED}:%d:%d;' "$$" "\${3:-$$}"; printf '\\036${SPELLED}:0;' >&2; set --`

const GREETING = new RegExp(`^(${UUID}):(\\d{1,10}):(\\d{1,10});`)

/**
 * The exec request that becomes root (through sudo if the target says so), draws the session's word, greets, then runs
 * `body`, which may spell the word.
 */
export const entry = (target: Target, body: () => string): Entry => {
  const tag = randomBytes(8).toString('hex')
  const root = target.sudo || target.user === 'root'
  const script = `${environment(root)}\n${drawWord}\n${greeting(tag)}\n${body()}`
  const word = `'${script.replaceAll("'", `'\\''`)}'`
  return { command: target.sudo ? asRoot(word, tag) : `exec /bin/sh -c ${word}`, tag }
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
  readonly #sudo: SudoPrompt
  readonly #timer: NodeJS.Timeout
  readonly #resolve: (process: Process) => void
  readonly #reject: (error: unknown) => void
  readonly #out = new Heard()
  readonly #err = new Heard()
  readonly #greeting: Told
  /** The same greeting on stderr: looked for once its word is known. */
  #echo: Search | undefined

  constructor(
    link: Link,
    pipe: Pipe,
    target: Target,
    { tag }: Entry,
    limits: Limits,
    resolve: (process: Process) => void,
    reject: (error: unknown) => void,
  ) {
    this.#link = link
    this.#pipe = pipe
    this.#target = target
    this.#resolve = resolve
    this.#reject = reject
    this.#greeting = new Told(this.#out, `\x1e${tag}:0:`, GREETING)
    this.#sudo = new SudoPrompt(target, tag, this.#err)
    this.#timer = setTimeout(
      () => this.#none(`none came within ${limits.enterMs / 1000} s`),
      limits.enterMs,
    )
    pipe.stdout.on('data', this.#onOut)
    pipe.stderr.on('data', this.#onErr)
    void pipe.ended.then(ending => this.#ended(ending))
  }

  readonly #onOut = (chunk: Buffer): void => {
    this.#out.push(chunk)
    this.#check()
  }

  readonly #onErr = (chunk: Buffer): void => {
    this.#err.push(chunk)
    try {
      this.#sudo.answer()?.then(p => this.#pipe.stdin.write(`${p.reveal()}\n`), this.#fail)
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
    const told = this.#greeting.next()
    const [, word = '', pid, pgid] = told?.found ?? []
    if (told) {
      this.#echo ??= new Search(this.#err, `\x1e${word}:0;`)
      this.#pipe.stdout.pause() // what follows there is the session's to read
    }
    const end = this.#echo?.next()
    if (told && end !== undefined) {
      this.#leave()
      giveBack(this.#pipe.stdout, this.#out.after(told.end))
      giveBack(this.#pipe.stderr, this.#err.after(end))
      this.#resolve({ pipe: this.#pipe, pid: Number(pid), pgid: Number(pgid), word })
    } else if ((told ? 0 : this.#out.length) > NOISE || this.#err.length > NOISE) {
      this.#none(`it printed more than ${NOISE / 1024 / 1024} MB and did not greet`)
    }
  }

  #ended({ code, signal }: Ending): void {
    const said = this.#sudo.said()
    const known = this.#target.sudo ? sudoError(this.#target, said) : undefined
    if (known) this.#fail(known)
    else if (code !== undefined || signal !== undefined)
      this.#none(`it ended with ${signal ?? `exit ${code ?? 0}`}`)
    else void this.#link.explain(said).then(this.#fail)
  }

  #none(why: string): void {
    const said = this.#sudo.said().slice(-SHOWN)
    const { name, user } = this.#target
    this.#fail(
      new UnreachableError(`${name}: no shell for ${user}: ${why}${said ? `: ${said}` : ''}`, {
        hint: this.#sudo.hint(said),
      }),
    )
  }
}

const giveBack = (stream: Readable, rest: Buffer): void => {
  stream.pause()
  if (rest.length > 0) stream.unshift(Buffer.from(rest))
}
