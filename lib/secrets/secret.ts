/** The type of a secret, which cannot leak: every conversion to text or JSON hides the value. */
import type { Piece } from '../text/masked-diff.ts'
/** `inspect.custom` of node:util by its registered name, so that the declared type needs no types of Node. */
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom')

const HIDDEN = '‹secret›'

/** Every secret made since `--debug` began to list them. */
let made: Set<Secret> | undefined
let isScript = false

/** From now on all secrets of this process, also those that are still to be made: to redact what is written about it. */
export const allSecrets = (): ReadonlySet<Secret> => (made ??= new Set())

/** A shell script around a secret, which is listed itself. */
export function scriptAround(script: string, { name }: Secret): Secret {
  isScript = true
  try {
    return new Secret(script, name)
  } finally {
    isScript = false
  }
}

/**
 * A text that must never be shown. It prints as ‹secret› everywhere (String(), JSON, inspect, templates), fmc redacts it from
 * all output, and `$` and `probe` refuse it as an argument. Pass it as `content` of a file or as `stdin` of a command.
 *
 * @example
 * const token = new Secret('hush', 'api token')
 * await file('/etc/app/token', { content: token, mode: '0600' })
 */
export class Secret {
  readonly #text: string
  /** For messages; not secret. */
  readonly name: string

  /**
   * @param text - the secret itself
   * @param name - what messages call it; default 'secret'
   */
  constructor(text: string, name = 'secret') {
    this.#text = text
    this.name = name
    if (!isScript) made?.add(this)
  }

  /** The text itself. Only code that sends it over stdin or writes it into a file should call this. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [INSPECT](): string {
    return HIDDEN
  }
}

/** The texts that `secret` has put together. */
const compositions = new WeakMap<Secret, readonly Piece[]>()

/** The pieces of a text that `secret` has put together; of another Secret one piece, which is secret. */
export const piecesOf = (text: Secret): readonly Piece[] =>
  compositions.get(text) ?? [{ text: text.reveal(), secret: true }]

/**
 * Template tag for a text with secrets in it, which is a Secret itself. It has the name of the first one. `--diff` shows
 * such a text without the values that are Secrets: a string made from `reveal` is none, so wrap it in a Secret of its own.
 *
 * @example
 * const password = new Secret('hush', 'database password')
 * await file('/etc/app.conf', { content: secret`password=${password}\nport=${5432}\n`, mode: '0600' })
 */
export const secret = (
  pieces: TemplateStringsArray,
  ...values: readonly (Secret | string | number)[]
): Secret => {
  const parts = pieces.flatMap((text, i): Piece[] => {
    const value = i < values.length ? (values[i] ?? '') : ''
    const literal = { text, secret: false }
    return value instanceof Secret
      ? [literal, ...piecesOf(value)]
      : [literal, { text: String(value), secret: false }]
  })
  const all = new Secret(
    parts.map(part => part.text).join(''),
    values.find(v => v instanceof Secret)?.name ?? 'secret',
  )
  compositions.set(all, parts)
  return all
}

/**
 * The text of a Secret, or of a plain string. Never put it into a command, a message or an error.
 *
 * @example
 * const isLong = reveal(new Secret('hush')).length >= 16
 */
export const reveal = (text: string | Secret): string =>
  text instanceof Secret ? text.reveal() : text
