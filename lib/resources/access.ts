import { dirname } from 'node:path/posix'
import { ask, type PathFact, type Query } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
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

/**
 * Shell text that runs an author's check of a candidate file: its failure says which command it was, after what the
 * command printed. Under `set -e`.
 */
export const validation = (command: string): string =>
  `( set +e; eval ${quote(command)} ) </dev/null >&2 || { printf 'validation failed with exit code %s: %s\\n' $? ${quote(command.trim().split('\n', 1)[0] ?? '')} >&2; exit 65; }`

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

/** Changes that bring mode and owner of something that exists to what they shall be. */
export function accessChanges(
  path: string,
  now: PathFact,
  { mode, user, group }: Access,
): PlannedChange[] {
  const changes: PlannedChange[] = []
  const leaves = [[ask('path', path), { ...now, mode, owner: user, group }]] as const
  const word = quote(path)
  if (now.owner !== user || now.group !== group)
    changes.push({
      what: `owner ${now.owner}:${now.group} → ${user}:${group}`,
      script: `chown -h -- ${quote(`${user}:${group}`)} ${word}`,
      leaves,
    })
  // chown clears setuid and setgid bits, so the mode is set after it.
  if (now.mode !== mode || (changes.length > 0 && /^[2-7]/.test(mode)))
    changes.push({ what: `mode ${now.mode} → ${mode}`, script: `chmod -- ${mode} ${word}`, leaves })
  return changes
}
