import { inspect } from 'node:util'

const HIDDEN = '‹secret›'

/**
 * A text that must not be seen. It prints as ‹secret› everywhere (string, JSON, inspect, template);
 * only `reveal()` gives the text, and only the code that sends it over stdin or writes a file calls that.
 */
export class Secret {
  readonly #text: string
  readonly name: string
  constructor(text: string, name = 'secret') {
    this.#text = text
    this.name = name
  }
  reveal(): string {
    return this.#text
  }
  toString(): string {
    return HIDDEN
  }
  toJSON(): string {
    return HIDDEN
  }
  [inspect.custom](): string {
    return HIDDEN
  }
}

/** Text with secrets in it is a secret itself: secret`password=${password}\n`. */
export const secret = (
  pieces: TemplateStringsArray,
  ...values: readonly (Secret | string | number)[]
): Secret =>
  new Secret(
    String.raw({ raw: pieces }, ...values.map(v => (v instanceof Secret ? v.reveal() : String(v)))),
    values.find(v => v instanceof Secret)?.name ?? 'secret',
  )

/** The text of a Secret or of a plain string. */
export const reveal = (text: string | Secret): string =>
  text instanceof Secret ? text.reveal() : text
