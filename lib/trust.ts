import { lstatSync, readFileSync, readlinkSync, realpathSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from './errors.ts'
import { quote } from './shell/quote.ts'

/** A path through which another user could decide what fmc does: a file, a directory above it, or a link on the way. */
interface Distrust {
  readonly path: string
  /** Such as "belongs to alice (uid 1000)" or "can be written by every user (mode 0777)". */
  readonly why: string
  /** The owner is not trusted; else only the mode is wrong. */
  readonly stranger: boolean
}

/**
 * The uids whose files fmc trusts: root, the user, the user who called sudo (as git's safe.directory does), and the owners of
 * / and of fmc's own code, who decide what runs here anyway.
 */
function owners(): ReadonlySet<number> {
  const uid = process.geteuid?.() ?? 0
  const sudo = Number(process.env['SUDO_UID'])
  return new Set([
    ...[0, uid, lstatSync('/').uid, lstatSync(import.meta.filename).uid],
    ...(uid === 0 && Number.isInteger(sudo) && sudo > 0 ? [sudo] : []),
  ])
}

/**
 * The first reason not to trust what is at these paths; undefined: there is none, or nothing is there. It checks each file,
 * every directory above it, and the same for every symbolic link on the way, by the rules of OpenSSH's safe_path(): a trusted
 * owner, and no write permission for group and others. Unlike OpenSSH it accepts a sticky directory (/tmp) above, where no
 * user can move another user's files, and a file that its owner's private group may write (umask 002).
 */
export function distrust(paths: readonly string[]): Distrust | undefined {
  const believed = owners()
  const seen = new Set<string>()
  const look = (at: string): Distrust | undefined => {
    if (seen.has(at)) return undefined
    seen.add(at)
    const above = dirname(at)
    const found = above === at ? undefined : look(above)
    if (found) return found
    const stat = stats(at)
    if (!stat) return undefined
    const why = against(stat, believed)
    if (why) return { path: at, ...why }
    return stat.isSymbolicLink() ? lookBehind(at) : undefined
  }
  const lookBehind = (link: string): Distrust | undefined => {
    const target = resolve(realpathSync(dirname(link)), readlinkSync(link))
    return look(target) ?? look(realpath(link))
  }
  for (const path of paths) {
    const found = look(resolve(path)) ?? look(realpath(path))
    if (found) return found
  }
  return undefined
}

/** Undefined: nothing is there, or nothing that could be opened (below a file, too long, forbidden). */
const stats = (path: string): Stats | undefined => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

const realpath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/** May fmc trust a file or directory with this owner and mode, regardless of the directories above it? */
export const isOwn = (stat: Stats): boolean => against(stat, owners()) === undefined

function against(
  stat: Stats,
  believed: ReadonlySet<number>,
): Pick<Distrust, 'why' | 'stranger'> | undefined {
  if (!believed.has(stat.uid)) return { why: `belongs to ${nameOf(stat.uid)}`, stranger: true }
  if (stat.isSymbolicLink() || (stat.isDirectory() && (stat.mode & 0o1000) !== 0)) return undefined
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0')
  if ((stat.mode & 0o002) !== 0)
    return { why: `can be written by every user (mode ${mode})`, stranger: false }
  if ((stat.mode & 0o020) !== 0 && !isPrivateGroup(stat.uid, stat.gid))
    return { why: `can be written by its group, gid ${stat.gid} (mode ${mode})`, stranger: false }
  return undefined
}

const lines = (file: string): string[][] => {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map(line => line.split(':'))
  } catch {
    return []
  }
}

const nameOf = (uid: number): string => {
  const name = lines('/etc/passwd').find(entry => entry[2] === String(uid))?.[0]
  return name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`
}

/** Is this the user's primary group, without other members? Reads only the files of passwd(5) and group(5), no other source. */
function isPrivateGroup(uid: number, gid: number): boolean {
  const primary = lines('/etc/passwd').filter(entry => entry[3] === String(gid))
  const [own] = primary
  const group = lines('/etc/group').find(entry => entry[2] === String(gid))
  return (
    primary.length === 1 &&
    own?.[2] === String(uid) &&
    (group?.[3] ?? '?').split(',').every(member => member === '' || member === own[0])
  )
}

/**
 * Throws UsageError when another user could have written one of these paths, with a hint how to repair that. `what`: what they
 * are, for the message. `home`: the directory that contains them all, such as the project.
 */
export function demandTrust(what: string, paths: readonly string[], home: string): void {
  const found = distrust(paths)
  if (!found) return
  const me = nameOf(process.geteuid?.() ?? 0)
  const could = found.stranger
    ? `who could act as ${me} through it`
    : `and anyone who writes there could act as ${me}`
  throw new UsageError(`${what} is not used: ${found.path} ${found.why}, ${could}`, {
    hint: remedy(found, home),
  })
}

function remedy({ path, stranger }: Distrust, home: string): string {
  if (!stranger) return `chmod go-w ${quote(path)}`
  const inside = path === home || path.startsWith(`${home}/`)
  const uid = process.geteuid?.() ?? 0
  // Never suggest changes above the project: it may be another user's home.
  if (!inside) return `cp -R ${quote(home)} ~/ && cd ~/${quote(home.split('/').at(-1) ?? '')}`
  return `${uid === 0 ? '' : 'sudo '}chown -R ${uid} ${quote(home)}`
}
