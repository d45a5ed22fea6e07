import { quoteAll } from '../shell/quote.ts'
import { GarbledProbe, wholeLines, type Answer, type Family } from './family.ts'

/** An entry of passwd(5). */
export interface UserFact {
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** Parses a user's or group's number: 32 bits (credentials(7)). */
const id = (family: string, text = ''): number => {
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffff_ffff) throw new GarbledProbe(family, text)
  return Number(text)
}

/**
 * Parses the lines of getent. It exits with 2 when a key is missing (getent(1)); its lines have the database's number of
 * fields.
 */
function entries<T>(
  family: string,
  { out, err, code }: Answer,
  args: readonly string[],
  fields: number,
  read: (f: readonly string[]) => T,
): (T | null)[] {
  if (code !== 0 && code !== 2) throw new GarbledProbe(family, `getent exit ${code}: ${err || out}`)
  const asked = new Set(args)
  const found = new Map<string, T>()
  for (const line of wholeLines(family, out)) {
    const f = line.split(':')
    if (f.length !== fields) throw new GarbledProbe(family, line)
    if (!asked.has(f[0] ?? '')) throw new GarbledProbe(family, `not asked for: ${line}`)
    found.set(f[0] ?? '', read(f))
  }
  const all = args.every(name => found.has(name))
  if (all !== (code === 0)) throw new GarbledProbe(family, `getent exit ${code}: ${out}`)
  return args.map(name => found.get(name) ?? null)
}

/** A user's passwd(5) entry, from any NSS source; null: there is none. */
export const user: Family<UserFact | null> = {
  bytes: { each: 16 * 1024 },
  script: args => `getent passwd -- ${quoteAll(args)}`,
  parse: (answer, args) =>
    entries('user', answer, args, 7, f => ({
      uid: id('user', f[2]),
      gid: id('user', f[3]),
      home: f[5] ?? '',
      shell: f[6] ?? '',
    })),
}

/** An entry of group(5). */
export interface GroupFact {
  readonly gid: number
  readonly members: readonly string[]
}

/** A group's group(5) entry, from any NSS source; null: there is none. */
export const group: Family<GroupFact | null> = {
  bytes: { each: 1024 * 1024 },
  script: args => `getent group -- ${quoteAll(args)}`,
  parse: (answer, args) =>
    entries('group', answer, args, 4, f => ({
      gid: id('group', f[2]),
      members: (f[3] ?? '').split(',').filter(Boolean),
    })),
}
