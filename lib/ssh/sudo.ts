import { UnreachableError } from '../errors.ts'
import { quote } from '../shell/quote.ts'
import { redact } from '../secrets/redact.ts'
import type { Secret } from '../secrets/secret.ts'
import { ownEnvironment } from './login-shell.ts'
import { TextSearch, TaggedSearch, type StreamBuffer } from './stream-search.ts'
import type { Target } from './types.ts'
import { UUID, UUID_FILE } from './word.ts'

const refused = (target: Target, what: string, hint?: string): UnreachableError =>
  new UnreachableError(`${target.name}: sudo for ${target.user}: ${what}`, { hint })

/** sudo(8)'s messages in the C locale, and what fmc says instead. */
const knownErrors = (target: Target): readonly (readonly [RegExp, string, string?])[] => [
  [
    /must have a tty|no tty present/,
    'it requires a terminal',
    `add to /etc/sudoers on the host: Defaults:${target.user} !requiretty`,
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

/** The error for a known message of sudo. */
export const sudoError = (target: Target, said: string): UnreachableError | undefined => {
  const known = knownErrors(target).find(([pattern]) => pattern.test(said))
  return known && refused(target, known[1], known[2])
}

/**
 * Shell text that runs a script as root. The host draws a random prompt into SUDO_PROMPT (sudo(8)), which is in no argument
 * list, and announces it on stderr. Nothing before this text in the login knows the tag or the prompt, and this text runs in
 * an environment of its own, so no trace of it can announce or ask.
 */
export const asRoot = (script: string, tag: string): string =>
  `read -r SUDO_PROMPT <${UUID_FILE} && export SUDO_PROMPT && printf '\\036${tag}:p:%s;' "$SUDO_PROMPT" >&2 && ` +
  `exec sudo -S -- /bin/sh -c '${ownEnvironment('root')} /bin/sh -c "$0"' ${quote(script)}`

const ANNOUNCED = new RegExp(`^(${UUID});`)

/**
 * Answers sudo's prompt once; a second prompt means that the password was wrong. Only the announced prompt counts, and only
 * after its announcement, so that no other text on stderr can obtain the password.
 */
export class SudoPrompt {
  readonly #target: Target
  readonly #buffer: StreamBuffer
  readonly #announced: TaggedSearch
  #prompt: string | undefined
  #search: TextSearch | undefined
  #from = 0
  #asked = 0
  #password: Secret | undefined

  /** `buffer`: stderr. */
  constructor(target: Target, tag: string, buffer: StreamBuffer) {
    this.#target = target
    this.#buffer = buffer
    this.#announced = new TaggedSearch(buffer, `\x1e${tag}:p:`, ANNOUNCED)
  }

  /** Call it after every piece of stderr. Returns the password when it has to be sent now. Throws UnreachableError. */
  answer(): Promise<Secret> | undefined {
    if (!this.#target.sudo || this.#next() === undefined) return undefined
    if (++this.#asked > 1) throw refused(this.#target, 'the password was not accepted')
    if (!this.#target.sudoPassword) {
      throw refused(
        this.#target,
        'it asks for a password, but none was given',
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
      this.#search = new TextSearch(this.#buffer, this.#prompt, told.end)
    }
    return this.#search?.next()
  }

  /** The host's stderr without the prompts and without the password, which some hosts echo. */
  said(): string {
    return this.clean(this.#buffer.after(this.#from).toString('utf8'))
  }

  /** Text of the host without the prompts and without the password. */
  clean(text: string): string {
    const own = this.#prompt === undefined ? text : text.replaceAll(this.#prompt, '')
    return (this.#password ? redact(own, [this.#password]) : own).trim()
  }

  /** The hint for a PAM module with its own prompt: sudo replaces only "Password:" by ours (sudoers(5), passprompt_override). */
  hint(said: string): string | undefined {
    if (this.#prompt === undefined || this.#asked > 0 || !said.endsWith(':')) return undefined
    return `if sudo asks for the password with a prompt of its own, add to /etc/sudoers on the host: Defaults:${this.#target.user} passprompt_override`
  }
}
