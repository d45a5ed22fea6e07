import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, type PathFact, type Query } from '../facts/index.ts'
import { quote, quoteAll } from '../shell/quote.ts'
import { withAncestors } from '../shell/staging.ts'
import { expect } from './resource.ts'

/** The directories on the way to a path, without `/`, the outermost first. */
export const ancestorsOf = (path: string): string[] => withAncestors(dirname(path)).slice(1)

/** Queries for the directories on the way to a path, for checkWay. */
export const wayTo = (path: string): { readonly [dir: string]: Query<'path'> } =>
  Object.fromEntries(ancestorsOf(path).map(dir => [dir, ask('path', dir)]))

/**
 * Throws TaskError where the change would refuse to work in the last of these directories: a user who owns one above it could put
 * another one in its place (lib/shell/handles.ts, fmc_walk). Directories that are still to be made do not count; what lies behind
 * a link only the host can tell.
 */
export function checkWay(
  dirs: readonly string[],
  now: Readonly<Record<string, unknown>>,
  doubt: boolean,
): void {
  if (doubt) return
  let user: { readonly name: string; readonly of: string } | undefined
  let last = { dir: '/', owner: 'root', mode: '0755' }
  for (const dir of dirs) {
    const fact = now[dir] as PathFact | null
    if (fact === null) break
    expect(
      (Number.parseInt(last.mode, 8) & 0o1002) !== 0o0002,
      `every user may write to ${last.dir} and could exchange ${dir}: chmod +t ${quote(last.dir)}`,
    )
    if (fact.type !== 'directory') return
    const { owner, mode } = fact
    last = { dir, owner, mode }
    if (owner === 'root') continue
    user ??= { name: owner, of: dir }
    if (owner !== user.name) break
  }
  if (user === undefined || last.owner === user.name) return
  const { dir, owner } = last
  throw new TaskError(
    `${dir} belongs to ${owner}, but ${user.name}, who owns ${user.of}, could exchange it`,
    {
      hint: `if it is the right directory: chown -h ${quoteAll([user.name, dir])}   # on the host`,
    },
  )
}
