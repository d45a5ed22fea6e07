import { mark } from '../../ssh/word.ts'
import { count } from '../../report/words.ts'
import { MOST_ASKED, PARTS, type Question } from './suspects-script.ts'

/** Something that a host's own records say has happened there. */
export interface Happened {
  /** Seconds since 1970, by the host's clock; undefined: it does not say when. */
  readonly at: number | undefined
  readonly kind: 'file' | 'unit' | 'login' | 'package' | 'boot'
  /** What, without the time. */
  readonly text: string
}

/** What happened on a host, as facts: who logged in and what was written, not who did it. */
export interface Suspects {
  readonly host: string
  /** How many seconds the host's clock is ahead of this machine's. */
  readonly ahead: number
  /** The newest last. */
  readonly happened: readonly Happened[]
  /** Lines of the answer that made no sense and count for nothing. */
  readonly odd: number
}

/** Controls, formats and the like: no record has them in its form. */
const INVISIBLE = /\p{C}/u
/** Shown of one kind: the newest ones. */
const SHOWN = 8

/**
 * Reads the answer to `suspectsScript`. What a host prints is data: each line must have exactly its form, and a line without it
 * counts for nothing. Throws Error when a part is missing. `now`: this machine's clock in milliseconds, when the answer came.
 */
export function readSuspects(
  host: string,
  question: Question,
  stdout: string,
  word: string,
  now: number,
): Suspects {
  const parts = partsOf(stdout, word)
  let odd = 0
  /** Whole lines that match; the last one may have been cut off by a limit. */
  const lines = <T>(part: string, read: (line: string) => T | undefined): T[] =>
    part.split('\n').flatMap((line, i, all) => {
      if (line === '' || (i === all.length - 1 && !part.endsWith('\n'))) return []
      const found = INVISIBLE.test(line) ? undefined : read(line)
      if (found === undefined) odd++
      return found === undefined ? [] : [found]
    })
  const [clock = 0, boot = 0] = lines(parts.clock, seconds)
  if (clock === 0) throw new Error('it does not say what time it is')
  const [own] = lines(parts.own, ownLogin)
  const sshd = logins(lines(parts.sshd, accepted), own)
  const [uptime = 0] = lines(parts.unit, upOf).filter(up => up > 0)
  const all: Happened[] = [
    ...lines(parts.path, line => file(line, question.paths)).flat(),
    ...lines(parts.unit, line => unit(line, question.units, clock - uptime)).flat(),
    ...sshd,
    ...consoles(lines(parts.last, console)),
    ...newest(dpkg(parts.dpkg, lines)),
    ...newest(lines(parts.rpm, rpm)),
    ...(boot > 0 ? [{ at: boot, kind: 'boot', text: 'the host was booted' } as const] : []),
  ]
  const { since } = question
  const happened = all
    .filter(h => h.kind === 'file' || since === undefined || h.at === undefined || h.at >= since)
    .sort((a, b) => (a.at ?? 0) - (b.at ?? 0))
  return { host, ahead: Math.round(clock - now / 1000), happened, odd }
}

type Parts = Readonly<Record<(typeof PARTS)[number], string>>

function partsOf(stdout: string, word: string): Parts {
  const parts: Record<string, string> = {}
  let at = 0
  for (const [i, part] of PARTS.entries()) {
    const begin = mark(part).printed(word)
    const from = stdout.indexOf(begin, at)
    if (from < 0) throw new Error(`the part ${part} of its answer is missing`)
    if (i > 0) parts[PARTS[i - 1] ?? ''] = stdout.slice(at, from)
    at = from + begin.length
  }
  return { ...parts, end: stdout.slice(at) } as Parts
}

const seconds = (line: string): number | undefined =>
  /^\d{1,11}$/.test(line) ? Number(line) : undefined

const upOf = (line: string): number | undefined => {
  const [, up] = /^up (\d{1,12})\.\d+$/.exec(line) ?? []
  return up === undefined ? 0 : Number(up)
}

const ownLogin = (line: string): { from: string; port: string } | undefined => {
  const [, from, port] = /^SSH_CONNECTION=(\S{1,64}) (\d{1,5}) \S{1,64} \d{1,5}$/.exec(line) ?? []
  return from !== undefined && port !== undefined ? { from, port } : undefined
}

interface Login {
  readonly at: number
  readonly user: string
  readonly from: string
  readonly port: string
  readonly how: string
}

/** One line of `journalctl -o json`: sshd's message about a login (sshd's auth.c, auth_log). */
function accepted(line: string): Login | undefined {
  const entry = parsed(line)
  const { MESSAGE: message, __REALTIME_TIMESTAMP: time } = entry
  if (typeof message !== 'string' || typeof time !== 'string') return undefined
  if (INVISIBLE.test(message)) return undefined
  const [, method, user, from, port, key] =
    /^Accepted (\S{1,40}) for (\S{1,64}) from (\S{1,64}) port (\d{1,5})(?: ssh2)?(?:: (\S{1,32}(?: ID \S{1,128})? SHA256:[\w+/]{1,64})(?: .*)?)?$/.exec(
      message,
    ) ?? []
  if (!method || !user || !from || !port || !/^\d{10,17}$/.test(time)) return undefined
  return {
    ...{ at: Math.floor(Number(time) / 1_000_000), user, from, port },
    how: key ?? method,
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Logins of the same user from the same address with the same key are one line. The login of this check is left out. */
function logins(
  all: readonly Login[],
  own: { readonly from: string; readonly port: string } | undefined,
): Happened[] {
  const groups = new Map<string, Login[]>()
  for (const login of all) {
    const key = `${login.user}\0${login.from}\0${login.how}`
    groups.set(key, [...(groups.get(key) ?? []), login])
  }
  const others: Happened[] = []
  for (const group of groups.values()) {
    const isOwn = (l: Login): boolean => l.from === own?.from && l.port === own.port
    const rest = group.filter(l => !isOwn(l))
    const last = rest.at(-1)
    if (!last) continue
    const times = rest.length === 1 ? '' : `, ${rest.length} times; this was the last`
    const as = rest.length < group.length ? ', as this check does' : ''
    const text = `${last.user} logged in over SSH from ${last.from} (${last.how})${as}${times}`
    others.push({ at: last.at, kind: 'login', text })
  }
  return newest(others)
}

/** A line of `last -w --time-format iso`: a login on a console or terminal. */
function console(line: string): Happened | undefined | Skip {
  if (/^(?:reboot|runlevel|shutdown) |^wtmp begins /.test(line) || /^wtmp/.test(line)) return SKIP
  const [, user, tty, from = '', time] =
    /^(\S{1,64})\s+(\S{1,32})\s+(?:(\S{1,64})\s+)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d)(?:\s.*)?$/.exec(
      line,
    ) ?? []
  const at = Date.parse(time ?? '') / 1000
  if (!user || !tty || Number.isNaN(at)) return undefined
  return {
    ...{ at, kind: 'login' },
    text: `${user} logged in on ${tty}${from === '' ? '' : ` from ${from}`}`,
  }
}

const SKIP = Symbol('a line about no login')
type Skip = typeof SKIP

const consoles = (all: readonly (Happened | Skip)[]): Happened[] =>
  newest(all.filter(h => h !== SKIP).sort((a, b) => (a.at ?? 0) - (b.at ?? 0)))

/** dpkg.log(5): the times of all lines in seconds, an empty line, then the lines without their times. */
function dpkg(
  part: string,
  lines: <T>(part: string, read: (line: string) => T | undefined) => T[],
): Happened[] {
  const cut = part.indexOf('\n\n')
  if (cut < 0) return []
  const times = lines(part.slice(0, cut + 1), seconds)
  const what = lines(part.slice(cut + 2), line => {
    const [, action, name, before, after] =
      /^(install|upgrade|remove|purge) (\S{1,128}) (\S{1,128}) (\S{1,128})$/.exec(line) ?? []
    if (!action || !name || !before || !after) return undefined
    if (action === 'upgrade') return `package ${name} was upgraded from ${before} to ${after}`
    if (action === 'install') return `package ${name} ${after} was installed`
    return `package ${name} was ${action === 'purge' ? 'purged' : 'removed'}`
  })
  if (times.length !== what.length) return []
  return what.map((text, i) => ({ at: times[i], kind: 'package', text }))
}

const rpm = (line: string): Happened | undefined => {
  const [, at, name, version] = /^(\d{1,11}) (\S{1,128}) (\S{1,128})$/.exec(line) ?? []
  if (!at || !name || !version) return undefined
  return { at: Number(at), kind: 'package', text: `package ${name} ${version} was installed` }
}

/** The newest ones of one kind, the newest last; one line for the rest. */
function newest(all: readonly Happened[]): Happened[] {
  const sorted = all.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0))
  const rest = sorted.slice(0, -SHOWN)
  const last = rest.at(-1)
  if (!last) return sorted
  const noun = last.kind === 'package' ? 'package' : 'login'
  return [
    { at: last.at, kind: last.kind, text: `${count(rest.length, `earlier ${noun}`)}, up to then` },
    ...sorted.slice(-SHOWN),
  ]
}

function file(line: string, paths: readonly string[]): Happened[] | undefined {
  const [, i, state, mtime, ctime, owner, mode, type] =
    /^(\d{1,3}) (?:unknown|(is|gone) (\d{1,11}) (\d{1,11}) (\S{1,64}) ([0-7]{1,5}) ([a-z ]{1,40}))$/.exec(
      line,
    ) ?? []
  const path = paths[Number(i)]
  if (i === undefined || path === undefined || Number(i) >= MOST_ASKED) return undefined
  if (!state || !mtime || !ctime || !owner || !mode || !type)
    return [{ at: undefined, kind: 'file', text: `${path} is missing, and so is its directory` }]
  if (state === 'gone')
    return [
      {
        ...{ at: Number(mtime), kind: 'file' },
        text: `${path} is missing; something in its directory was last made, renamed or removed`,
      },
    ]
  const now = `now ${owner}, mode ${mode.padStart(4, '0')}`
  const written: Happened = {
    ...{ at: Number(mtime), kind: 'file' },
    text: `${path} was last written (${type}; ${now})`,
  }
  if (Number(ctime) <= Number(mtime)) return [written]
  return [
    written,
    { at: Number(ctime), kind: 'file', text: `${path}: its owner, mode or name was last changed` },
  ]
}

function unit(line: string, units: readonly string[], boot: number): Happened[] | undefined {
  if (line.startsWith('up ')) return []
  const [, i, rest = ''] = /^(\d{1,3}) (.*)$/.exec(line) ?? []
  const name = units[Number(i)]
  if (i === undefined || name === undefined) return undefined
  const [, state] = /\bActiveState=([a-z-]{1,20})(?: |$)/.exec(rest) ?? []
  const [, since] = /\bStateChangeTimestampMonotonic=(\d{1,17})(?: |$)/.exec(rest) ?? []
  if (!state || !since) return rest.trim() === '' ? [] : undefined
  if (since === '0') return []
  const at = boot + Math.floor(Number(since) / 1_000_000)
  return [{ at, kind: 'unit', text: `${name} is ${state} since then` }]
}
