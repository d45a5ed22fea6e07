import { UnreachableError } from '../errors.ts'
import type { Target } from './types.ts'

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

/** Answers sudo's prompt, once: a second one means that the password was wrong. */
export class PasswordPrompt {
  readonly #target: Target
  readonly #prompt: string
  #asked = 0

  constructor(target: Target, prompt: string) {
    this.#target = target
    this.#prompt = prompt
  }

  /** Takes all of stderr so far; returns the password when it has to be sent now. Throws UnreachableError. */
  answer(said: string): Promise<string> | undefined {
    const prompts = said.split(this.#prompt).length - 1
    if (!this.#target.sudo || prompts === this.#asked) return undefined
    if (prompts > 1) throw refused(this.#target, 'the password was not accepted')
    if (!this.#target.sudoPassword) {
      throw refused(
        this.#target,
        'it asks for a password and none was given',
        'give it with -K (--ask-become-pass), or allow NOPASSWD',
      )
    }
    this.#asked = prompts
    return this.#target.sudoPassword()
  }
}
