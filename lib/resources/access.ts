import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, Refused, type PathFact, type Query } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { access, CANDIDATE, makeDirectory, SHOW } from '../shell/staging.ts'
import { expect } from './resource.ts'
import type { PlannedChange } from './scope.ts'

export interface AccessOptions {
  /** Octal, e.g. 0644. */
  readonly mode?: string | undefined
  /** `user` or `user:group`; the group defaults to root. */
  readonly owner?: string | undefined
}

export interface Access {
  readonly mode: string
  readonly user: string
  readonly group: string
}

/** Options with their defaults; throws TaskError for a mode that is not octal. */
export function accessOf(options: AccessOptions, defaultMode: string): Access {
  const mode = (options.mode ?? defaultMode).padStart(4, '0')
  expect(/^[0-7]{4}$/.test(mode), `mode ${JSON.stringify(options.mode)} is not octal, such as 0644`)
  const [user = '', group = 'root'] = (options.owner ?? 'root').split(':')
  expect(
    user !== '' && group !== '',
    `owner ${JSON.stringify(options.owner)} is not user or user:group`,
  )
  return { mode, user, group }
}

/** Throws unless something can be made in a file's directory (a link to one will do), or may come to exist. */
export function checkParent(path: string, parent: PathFact | null, doubt: boolean): void {
  const dir = dirname(path)
  expect(parent !== null || doubt, `the directory ${dir} does not exist`)
  expect(
    parent === null || parent.type === 'directory' || parent.type === 'link',
    `${dir} is no directory`,
  )
}

/** Throws when fmc would not read the file, and so not write it either. */
export function checkReadable<T>(fact: T | Refused): asserts fact is T {
  if (fact instanceof Refused) throw new TaskError(fact.why)
}

/**
 * Shell text that runs an author's check of a staged candidate: its failure says which command it was, after what the
 * command printed. Under `set -e`.
 */
export const validation = (check: (candidate: string) => string, path: string): string => {
  const shown =
    check(quote(`${path}.fmc-new/new`))
      .trim()
      .split('\n', 1)[0] ?? ''
  return `${SHOW}\n( set +e; eval ${quote(check(CANDIDATE))} ) </dev/null >&2 || { printf 'validation failed with exit code %s: %s\\n' $? ${quote(shown)} >&2; exit 65; }`
}

/** Questions about the user and group that shall own something; root needs none. */
export const ownerNeeds = ({
  user,
  group,
}: Access): { owner?: Query<'user'>; ownerGroup?: Query<'group'> } => ({
  ...(user === 'root' || /^\d+$/.test(user) ? {} : { owner: ask('user', user) }),
  ...(group === 'root' || /^\d+$/.test(group) ? {} : { ownerGroup: ask('group', group) }),
})

/** Throws unless the owner exists, or may come to exist by an earlier planned change. */
export function checkOwner(
  { user, group }: Access,
  now: Readonly<Record<string, unknown>>,
  doubt: boolean,
): void {
  if (doubt) return
  expect(now['owner'] !== null, `there is no user ${user}`)
  expect(now['ownerGroup'] !== null, `there is no group ${group}`)
}

/**
 * Changes that bring owner and mode of a file or directory that exists to what they should be. `sum`: the SHA-256 of
 * the file's content, if that is declared, too.
 */
export function accessChanges(
  path: string,
  now: PathFact,
  { mode, user, group }: Access,
  sum?: string,
): PlannedChange[] {
  const what = [
    ...(now.owner === user && now.group === group
      ? []
      : [`owner ${now.owner}:${now.group} → ${user}:${group}`]),
    ...(now.mode === mode ? [] : [`mode ${now.mode} → ${mode}`]),
  ]
  const owner = `${user}:${group}`
  const script =
    now.type === 'directory' ? makeDirectory(path, owner, mode) : access(path, owner, mode, sum)
  const factsAfter = [[ask('path', path), { ...now, mode, owner: user, group }]] as const
  // One script does both: chown clears setuid and setgid bits, so the mode is set after it.
  return what.map((text, i) => ({ what: text, factsAfter, ...(i === 0 ? { script } : {}) }))
}
