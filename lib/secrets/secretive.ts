/** Names of variables and keys whose value is probably a secret, whatever its type. */
const SECRETIVE =
  /passw|passphrase|token|secret|credential|key|(^|[_.-])(pass|pwd?|psk|pin|otp|auth)([_.-]|$)/i

/** Texts that are secret in any place. */
const SECRET_TEXT = /AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY/

/** Does the name of this place (keys and indexes from the top) sound like a secret? Then errors must not show its value. */
export const isSecretive = (path: readonly (string | number)[]): boolean =>
  path.some(step => typeof step === 'string' && SECRETIVE.test(step))

/** A value as an error may show it: with *** for user and password of a URL; undefined for a private key. */
export function withoutSecrets(text: string): string | undefined {
  if (SECRET_TEXT.test(text)) return undefined
  return text.includes('://')
    ? text.replace(/(?<=:\/\/)\S*@/, '***@')
    : text.replace(/(?<=^|\s)[^\s:/@]+:[^\s@]+@(?=\S)/, '***@')
}

/**
 * A path as an error may show it. People sometimes give a passphrase or key where a file is expected, so a text that is not an
 * existing file and does not look like a path is not shown.
 */
export const shownPath = (path: string, exists = false): string =>
  exists || (/[/.]/.test(path) && !SECRET_TEXT.test(path) && !/\s/.test(path))
    ? path
    : '‹not shown: not a path›'
