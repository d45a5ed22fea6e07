import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, Refused, type PathFact, type Query } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { access, CANDIDATE, makeDirectory, SHOW } from '../shell/staging.ts'
import { expect } from './resource.ts'
import type { PlannedChange } from './scope.ts'

/** Owner and mode of a file or directory. */
export interface AccessOptions {
  /** Octal, such as '0644'. */
  readonly mode?: string | undefined
  /** `user` or `user:group`, names or numbers; default root:root. Without a group: root. */
  readonly owner?: string | undefined
}

export interface Access {
  readonly mode: string
  readonly user: string
  readonly group: string
}

/** Options with their defaults. Throws TaskError for a mode that is not octal and for a malformed owner. */
export function accessOf(options: AccessOptions, defaultMode: string): Access {
  // fmc does not check types: 0o644 and 644 arrive as numbers, and only one of them means what it looks like.
  const given: unknown = options.mode
  expect(
    typeof given !== 'number',
    `mode ${String(given)} is a number: write a text such as '0644'`,
  )
  const mode = (options.mode ?? defaultMode).padStart(4, '0')
  expect(/^[0-7]{4}$/.test(mode), `mode ${JSON.stringify(options.mode)} is not octal, such as 0644`)
  const [user = '', group = 'root'] = (options.owner ?? 'root').split(':')
  expect(
    user !== '' && group !== '',
    `owner ${JSON.stringify(options.owner)} is not user or user:group`,
  )
  return { mode, user, group }
}

/** Throws TaskError unless the file's directory (or a link to one) exists, or may exist after an earlier planned change. */
export function checkParent(path: string, parent: PathFact | null, doubt: boolean): void {
  const dir = dirname(path)
  expect(parent !== null || doubt, `the directory ${dir} does not exist`)
  expect(
    parent === null || parent.type === 'directory' || parent.type === 'link',
    `${dir} is not a directory`,
  )
}

/** Throws TaskError for a file that fmc refuses to read, and therefore to write. */
export function checkReadable<T>(fact: T | Refused): asserts fact is T {
  if (fact instanceof Refused) throw new TaskError(fact.why)
}

/**
 * Shell text for `set -e` that runs an author's `validate` command on a staged candidate. On failure it prints the command
 * and its exit code after the command's own output.
 */
export const validation = (check: (candidate: string) => string, path: string): string => {
  const shown =
    check(quote(`${path}.fmc-new/new`))
      .trim()
      .split('\n', 1)[0] ?? ''
  return `${SHOW}\n( set +e; eval ${quote(check(CANDIDATE))} ) </dev/null >&2 || { printf 'validation failed with exit code %s: %s\\n' $? ${quote(shown)} >&2; exit 65; }`
}

/** Queries for the user and the group of an owner; root and numbers need none. */
export const ownerNeeds = ({
  user,
  group,
}: Access): { owner?: Query<'user'>; ownerGroup?: Query<'group'> } => ({
  ...(user === 'root' || /^\d+$/.test(user) ? {} : { owner: ask('user', user) }),
  ...(group === 'root' || /^\d+$/.test(group) ? {} : { ownerGroup: ask('group', group) }),
})

/** Throws TaskError unless the owner exists, or may exist after an earlier planned change. */
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
 * The changes that correct owner and mode of an existing file or directory. `sum`: the SHA-256 of the file's content,
 * where the content is declared too.
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
