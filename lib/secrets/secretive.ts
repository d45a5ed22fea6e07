/** Names of variables and keys whose value is most likely a secret, whatever their type is. */
const SECRETIVE =
  /passw|passphrase|token|secret|credential|key|(^|[_.-])(pass|pwd?|psk|pin|otp|auth)([_.-]|$)/i

/** Texts that are a secret wherever they stand. */
const SECRET_TEXT = /AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY/

/** May a value at this place (keys and indexes from the top) be shown in an error? */
export const isSecretive = (path: readonly (string | number)[]): boolean =>
  path.some(step => typeof step === 'string' && SECRETIVE.test(step))

/** A value as an error shows it: user and password of a URL as ***, nothing at all of a key. */
export function withoutSecrets(text: string): string | undefined {
  if (SECRET_TEXT.test(text)) return undefined
  return text.includes('://')
    ? text.replace(/(?<=:\/\/)\S*@/, '***@')
    : text.replace(/(?<=^|\s)[^\s:/@]+:[^\s@]+@(?=\S)/, '***@')
}

/**
 * A path as an error shows it. Where a file is expected people put the passphrase or key itself: what is no file and does not
 * look like a path is not shown.
 */
export const shownPath = (path: string, exists = false): string =>
  exists || (/[/.]/.test(path) && !SECRET_TEXT.test(path) && !/\s/.test(path))
    ? path
    : '‹not shown: no path›'
