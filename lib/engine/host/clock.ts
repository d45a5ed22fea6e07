import { TaskError } from '../../errors.ts'
import { quote } from '../../shell/quote.ts'
import type { Session } from '../../ssh/types.ts'

/**
 * What programs say to times that a wrong clock explains: apt-get of a Release file ("is not valid yet", "is expired (invalid
 * since"), sqv ("Not live until"), OpenSSL, GnuTLS and Go's x509 of a certificate, GnuPG of a signature, Kerberos, and
 * make and tar of files.
 */
const TIME =
  /not valid yet|not yet valid|certificate (?:has |is )?expired|expired certificate|is expired \(invalid since|Not live until|time warp|in the future|clock skew/i
/** Clocks that follow a time server differ by less; certificates and Kerberos allow that much and more. */
const AGREE_SECONDS = 5
const TIMEOUT_MS = 10_000

const DURATIONS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const

const duration = (seconds: number): string => {
  const first = DURATIONS.findIndex(([size]) => seconds >= size)
  const parts = DURATIONS.slice(first, first + 2).map(([size, unit], i, two) => {
    const left = i === 0 ? seconds : seconds % (two[0]?.[0] ?? 1)
    return [Math.floor(left / size), unit] as const
  })
  return parts.flatMap(([n, unit]) => (n > 0 ? [`${n} ${unit}`] : [])).join(' ')
}

/**
 * In words, by how much a clock is wrong by which the host says `seconds` since 1970, given this machine's clock before and
 * after it was asked, in ms. Undefined: not noticeably, or the host said something else.
 *
 * @example
 * wrongBy('1790003600', 1_790_000_000_000, 1_790_000_000_100) // '1 h ahead of'
 */
export const wrongBy = (said: string, before: number, after: number): string | undefined => {
  const seconds = /^\d{1,12}$/.test(said.trim()) ? Number(said) : Number.NaN
  // date +%s cuts off the fraction.
  const ahead = Math.floor(seconds - after / 1000)
  const behind = Math.floor(before / 1000 - 1 - seconds)
  if (ahead > AGREE_SECONDS) return `${duration(ahead)} ahead of`
  if (behind > AGREE_SECONDS) return `${duration(behind)} behind`
  return undefined
}

/** The error of a change that failed because a time is not valid, with the host's clock if that is wrong. Other errors stay as they are. */
export async function withClock(
  error: TaskError,
  host: string,
  session: Pick<Session, 'run'>,
): Promise<TaskError> {
  const { message, output, command } = error
  if (!TIME.test(`${message}\n${output ?? ''}`)) return error
  const before = Date.now()
  const said = await session.run('date +%s', { timeoutMs: TIMEOUT_MS, maxBytes: 1024 }).then(
    ({ stdout }) => stdout,
    () => '',
  )
  const wrong = wrongBy(said, before, Date.now())
  if (wrong === undefined) return error
  return new TaskError(`${message}; its clock is ${wrong} this machine's`, {
    ...{ output, command },
    hint: `fmc run ${quote(host)} -- 'timedatectl; chronyc -n sources'   # shows which time server it follows; set the clock, then run again`,
  })
}
