import { UnreachableError } from '../errors.ts'

/**
 * Throws UnreachableError for a host or user name that could act as an option or as shell text: ssh gets names as arguments,
 * and passes them to a shell through %h and %r in ProxyCommand and Match exec. These are the rules of ssh 9.6 (ssh.c,
 * valid_hostname, valid_ruser), whatever version is installed. `of`: the host that the message names.
 */
export const checkName = (of: string, kind: 'host' | 'user', name: string): void => {
  const wrong =
    kind === 'host'
      ? /^-|^$|['"`$\\;&<>|(){}\s\x00-\x1f\x7f-\x9f]/.test(name)
      : /^-|^$|\s-|\\$|['"`$;&<>|(){}\x00-\x1f\x7f-\x9f]/.test(name)
  if (wrong)
    throw new UnreachableError(`${of}: ${JSON.stringify(name)} is not a valid ${kind} name`, {
      hint: `a ${kind} name does not begin with - and contains no blank and none of ' " \` $ \\ ; & < > | ( ) { }`,
    })
}
