import { UnreachableError } from '../errors.ts'

/**
 * Refuses a host or user name that could be read as an option or as shell text: names end in the arguments of ssh, and
 * through %h and %r in what ProxyCommand and Match exec give to a shell. As ssh does since 9.6 (ssh.c, valid_hostname,
 * valid_ruser), whatever version is installed. Throws UnreachableError; `of` says whose name it is.
 */
export const checkName = (of: string, kind: 'host' | 'user', name: string): void => {
  const wrong =
    kind === 'host'
      ? /^-|^$|['"`$\\;&<>|(){}\s\x00-\x1f\x7f-\x9f]/.test(name)
      : /^-|^$|\s-|\\$|['"`$;&<>|(){}\x00-\x1f\x7f-\x9f]/.test(name)
  if (wrong)
    throw new UnreachableError(`${of}: ${JSON.stringify(name)} cannot be the name of a ${kind}`, {
      hint: `a ${kind} name does not begin with - and has none of ' " \` $ \\ ; & < > | ( ) { } and no blanks`,
    })
}
