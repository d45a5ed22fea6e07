import { UnreachableError } from '../errors.ts'
import { redact } from '../secrets/redact.ts'
import type { Secret } from '../secrets/secret.ts'
import { Search, Told, type Heard } from './stream-search.ts'
import type { Target } from './types.ts'
import { UUID, UUID_FILE } from './word.ts'

const refused = (target: Target, what: string, hint?: string): UnreachableError =>
  new UnreachableError(`${target.name}: sudo for ${target.user}: ${what}`, { hint })

/** sudo(8) texts in the C locale and what they mean for the user. */
const sayings = (target: Target): readonly (readonly [RegExp, string, string?])[] => [
  [
    /must have a tty|no tty present/,
    'it demands a terminal',
    `put into /etc/sudoers there: Defaults:${target.user} !requiretty`,
  ],
  [
    /not in the sudoers file|may not run sudo|is not allowed to/,
    `${target.user} may not run a shell as root`,
  ],
  [/incorrect password|try again|[Aa]uthentication failure/, 'the password was not accepted'],
  [
    /sudo: (command )?not found|sudo: No such file/,
    'it is not installed',
    'connect as root, or install sudo',
  ],
]

/** sudo's own complaint in our words, where it is known. */
export const sudoError = (target: Target, said: string): UnreachableError | undefined => {
  const known = sayings(target).find(([pattern]) => pattern.test(said))
  return known && refused(target, known[1], known[2])
}

/**
 * The exec request that runs a quoted script as root. sudo's prompt is drawn on the host into SUDO_PROMPT (sudo(8)), so
 * it is in no argument list, and announced on stderr. The value stands in no command, so a shell that traces what it
 * does cannot print it after the announcement. `exec /bin/sh -c` comes first: the login shell need not be a POSIX one.
 */
export const asRoot = (script: string, tag: string): string =>
  `exec /bin/sh -c 'LC_ALL=C; export LC_ALL; read -r SUDO_PROMPT <${UUID_FILE} && export SUDO_PROMPT && ` +
  `printf "\\036${tag}:p:%s;" "$SUDO_PROMPT" >&2 && exec sudo -S -- /bin/sh -c "$0"' ${script}`

const ANNOUNCED = new RegExp(`^(${UUID});`)

/**
 * Answers sudo's prompt, once: a second one means that the password was wrong. Only the announced prompt counts, and
 * only after its announcement: whatever else is on stderr never gets the password.
 */
export class SudoPrompt {
  readonly #target: Target
  readonly #heard: Heard
  readonly #announced: Told
  #prompt: string | undefined
  #search: Search | undefined
  #from = 0
  #asked = 0
  #password: Secret | undefined

  /** `heard`: stderr. */
  constructor(target: Target, tag: string, heard: Heard) {
    this.#target = target
    this.#heard = heard
    this.#announced = new Told(heard, `\x1e${tag}:p:`, ANNOUNCED)
  }

  /** To be called after every piece of stderr; returns the password when it has to be sent now. Throws UnreachableError. */
  answer(): Promise<Secret> | undefined {
    if (!this.#target.sudo || this.#next() === undefined) return undefined
    if (++this.#asked > 1) throw refused(this.#target, 'the password was not accepted')
    if (!this.#target.sudoPassword) {
      throw refused(
        this.#target,
        'it asks for a password and none was given',
        'give it with -K (--ask-become-pass), or allow NOPASSWD',
      )
    }
    return this.#target.sudoPassword().then(password => (this.#password = password))
  }

  /** Where the next prompt ends. */
  #next(): number | undefined {
    if (this.#prompt === undefined) {
      const told = this.#announced.next()
      if (!told) return undefined
      this.#prompt = told.found[1] ?? ''
      this.#from = told.end
      this.#search = new Search(this.#heard, this.#prompt, told.end)
    }
    return this.#search?.next()
  }

  /** What the host said on stderr, without prompts and without the password: some hosts echo it. */
  said(): string {
    const text = this.#heard.after(this.#from).toString('utf8')
    const own = this.#prompt === undefined ? text : text.replaceAll(this.#prompt, '')
    return (this.#password ? redact(own, [this.#password]) : own).trim()
  }

  /** What to do where PAM asks with a prompt of its own: sudo shows ours only in place of "Password:" (sudoers(5), passprompt_override). */
  hint(said: string): string | undefined {
    if (this.#prompt === undefined || this.#asked > 0 || !said.endsWith(':')) return undefined
    return `if sudo asks for a password in words of its own, put into /etc/sudoers there: Defaults:${this.#target.user} passprompt_override`
  }
}
