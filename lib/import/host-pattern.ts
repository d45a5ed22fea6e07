import { UsageError } from '../errors.ts'
import { expandRanges } from '../inventory/patterns.ts'

/** The hosts of `web[1:3].example.com:2222` and their port. UsageError when it is not a host. */
export function expandHosts(pattern: string): { names: readonly string[]; port?: number } {
  const [, host = pattern, port] =
    /^\[(.+)\]:(\d+)$/.exec(pattern) ?? /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/.exec(pattern) ?? []
  const names = expandRanges(host) ?? [host]
  const wrong = names.find(name => !IPV6.test(name) && !NAME.test(name))
  // The text is not repeated: it may be a password.
  if (wrong !== undefined)
    throw new UsageError(
      pattern.includes('=')
        ? 'a host is expected before key=value (or is the section a [group:vars]?)'
        : 'a host is expected here',
    )
  return port === undefined ? { names } : { names, port: Number(port) }
}

const IPV6 = /^(?=.*:.*:)[\da-f:.]+$/i
const NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}_.-]*[\p{L}\p{N}])?$/u
