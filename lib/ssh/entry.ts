import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { UnreachableError } from '../errors.ts'
import { StreamBuffer, TextSearch, TaggedSearch } from './stream-search.ts'
import type { Ending, Limits, Link, Pipe } from './link.ts'
import { forAnyShell, ownEnvironment } from './login-shell.ts'
import { asRoot, SudoPrompt, sudoError } from './sudo.ts'
import type { Target } from './types.ts'
import { drawWord, SPELLED, UUID } from './word.ts'

/** A login may print this much before the greeting; more is an error. */
const NOISE = 1024 * 1024
/** An error quotes this many characters of it. */
const SHOWN = 2000

/** Words of fmc's own scripts (login-shell.ts), which a program that is no shell may quote. */
const OWN_WORDS = /[A-Za-z0-9+/]{80,}/g

const MISLED =
  'look for a redirection such as exec 2>&1 in the rc files of this user on the host (~/.bashrc, /etc/bash.bashrc, ~/.zshenv), and leave it to interactive shells'

/**
 * A command for `Link.exec`. `tag` distinguishes its greeting from anything else that a login prints. It is not secret: it is part
 * of the exec request, which `ps` shows to every local user.
 *
 * Until root's shell has greeted, fmc trusts root and the login user, with everything that the login runs (rc files, PAM,
 * sudo): the owner of those could read the sudo password anyway. No other user can write to these streams. Only the first
 * greeting counts. It arrives before fmc asks the host anything, and the shell draws the word after `ps` can show the request.
 */
interface Entry {
  readonly command: string
  readonly tag: string
}

/** A shell that has greeted. Its streams are paused right after the greeting. */
export interface Process {
  readonly pipe: Pipe
  readonly pid: number
  readonly pgid: number
  /** The random word that the shell has drawn; its marks contain it (word.ts). */
  readonly word: string
}

/**
 * Own limits, since PAM or an rc file may have set others that end commands halfway: those of a service (systemd.exec(5),
 * LimitNOFILE's soft default), and no core dumps, which might contain secrets. A login that cannot raise a hard limit takes
 * what it has. dash and bash have different letters for the number of processes.
 */
const OWN_LIMITS = `{ _fmc() { ulimit -S "$@" || ulimit "$@" || ulimit -S "$1" "$(ulimit -H "$1")"; }
for _fmc in f t v d m; do _fmc -$_fmc unlimited; done; _fmc -u unlimited || _fmc -p unlimited; _fmc -n 1024; _fmc -s 8192
ulimit -S -c 0; unset -f _fmc; } 2>/dev/null; umask 022; cd /`

/**
 * Prints the greeting: the word on stderr, then word, pid and process group on stdout. Builtins only. The process group is the
 * third field after the name in /proc/PID/stat (proc(5)).
 */
const greeting = (tag: string): string =>
  `{ read -r _fmc </proc/$$/stat; } 2>/dev/null; set -- \${_fmc##*) }; ` +
  `printf '\\036${SPELLED}:0;' >&2; printf '\\036${tag}:0:${SPELLED}:%d:%d;' "$$" "\${3:-$$}"; set --`

const GREETING = new RegExp(`^(${UUID}):(\\d{1,10}):(\\d{1,10});`)

/**
 * The exec request that becomes root (through sudo if the target says so), draws the session's word, greets, and then runs
 * `body`, which may spell the word.
 */
export const entry = (target: Target, body: () => string): Entry => {
  const tag = randomBytes(8).toString('hex')
  const script = `${OWN_LIMITS}\n${drawWord}\n${greeting(tag)}\n${body()}`
  const first = target.sudo ? asRoot(script, tag) : script
  return {
    command: forAnyShell(first, ownEnvironment(target.user === 'root' ? 'root' : 'login')),
    tag,
  }
}

/**
 * Starts an entry, answers sudo's prompt once, and waits for the greeting. Write nothing else to stdin before that. Rejects
 * with UnreachableError.
 */
export const start = async (
  link: Link,
  target: Target,
  how: Entry,
  limits: Limits,
): Promise<Process> => {
  const pipe = await link.exec(how.command)
  try {
    return await new Promise<Process>(
      (resolve, reject) => new GreetingReader(link, pipe, target, how, limits, resolve, reject),
    )
  } catch (error) {
    pipe.destroy()
    throw error
  }
}

/** Reads both streams up to the greeting. */
class GreetingReader {
  readonly #link: Link
  readonly #pipe: Pipe
  readonly #target: Target
  readonly #sudo: SudoPrompt
  readonly #timer: NodeJS.Timeout
  readonly #resolve: (process: Process) => void
  readonly #reject: (error: unknown) => void
  readonly #out = new StreamBuffer()
  readonly #err = new StreamBuffer()
  readonly #greeting: TaggedSearch
  /** Looks for the greeting on stderr, once its word is known. */
  #echo: TextSearch | undefined
  /** Look on stdout for what belongs on stderr. */
  readonly #misled: TextSearch[]

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
    this.#greeting = new TaggedSearch(this.#out, `\x1e${tag}:0:`, GREETING)
    this.#sudo = new SudoPrompt(target, tag, this.#err)
    this.#misled = [new TextSearch(this.#out, `\x1e${tag}:p:`)]
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
      if (!this.#echo) {
        this.#echo = new TextSearch(this.#err, `\x1e${word}:0;`)
        this.#misled.push(new TextSearch(this.#out, `\x1e${word}:0;`))
      }
      this.#pipe.stdout.pause() // the session reads what follows
    }
    const end = this.#echo?.next()
    if (told && end !== undefined) {
      this.#leave()
      giveBack(this.#pipe.stdout, this.#out.after(told.end))
      giveBack(this.#pipe.stderr, this.#err.after(end))
      this.#resolve({ pipe: this.#pipe, pid: Number(pid), pgid: Number(pgid), word })
    } else if (this.#misled.some(search => search.next() !== undefined)) {
      this.#none('what it writes to standard error arrives on standard output', MISLED)
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

  #none(why: string, hint?: string): void {
    // A program that is no shell (nologin(8)) may say so on standard output.
    const printed = this.#echo ? '' : this.#out.after(0).toString('utf8')
    const words = this.#sudo.said() || this.#sudo.clean(printed)
    const said = words.replace(OWN_WORDS, '…').slice(-SHOWN)
    const { name, user } = this.#target
    this.#fail(
      new UnreachableError(`${name}: no shell for ${user}: ${why}${said ? `: ${said}` : ''}`, {
        hint:
          hint ??
          this.#sudo.hint(said) ??
          `the login shell of ${user} must run commands; try it: fmc shell ${name} -- true`,
      }),
    )
  }
}

const giveBack = (stream: Readable, rest: Buffer): void => {
  stream.pause()
  if (rest.length > 0) stream.unshift(Buffer.from(rest))
}
