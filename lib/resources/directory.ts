import { TaskError } from '../errors.ts'
import { ask, type PathFact, type Query } from '../facts/index.ts'
import { makeDirectory } from '../shell/staging.ts'
import { accessChanges, accessOf, checkOwner, ownerNeeds, type AccessOptions } from './access.ts'
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import type { FactAfter } from './scope.ts'
import { ancestorsOf, checkWay, wayTo } from './way.ts'

/** Default owner root:root, mode 0755. */
export interface DirectoryOptions extends Common, AccessOptions {}

const define = resource({
  name: (o: DirectoryOptions & { readonly path: string }) => `directory ${o.path}`,
  check: o => checkPath(o.path),
  needs: (
    o,
  ): {
    readonly [key: string]: Query<'path'> | Query<'user'> | Query<'group'>
    readonly self: Query<'path'>
  } => ({
    self: ask('path', o.path),
    ...ownerNeeds(accessOf(o, '0755')),
    ...wayTo(o.path),
  }),
  plan(o, now, { doubt }) {
    const access = accessOf(o, '0755')
    checkOwner(access, now, doubt)
    if (now.self !== null && now.self.type !== 'directory')
      throw new TaskError(`${o.path} is a ${now.self.type}, not a directory`)
    if (now.self !== null) {
      const changes = accessChanges(o.path, now.self, access)
      // An interrupted run may have left such a directory: the next one goes on with it if it is empty (make-directory.ts).
      const begun = now.self.owner === 'root' && /^[02]700$/.test(now.self.mode)
      const way = [...ancestorsOf(o.path), ...(begun ? [] : [o.path])]
      if (changes.length > 0) checkWay(way, { ...now, [o.path]: now.self }, doubt)
      return changes
    }
    for (const dir of ancestorsOf(o.path)) {
      const type = now[dir] == null ? 'directory' : (now[dir] as PathFact).type
      expect(type === 'directory' || type === 'link', `${dir} is a ${type}, not a directory`)
    }
    checkWay(ancestorsOf(o.path), now, doubt)
    const made = ancestorsOf(o.path).filter(dir => now[dir] === null)
    const plain = { type: 'directory', mode: '0755', owner: 'root', group: 'root' } as const
    const factsAfter: FactAfter[] = [
      ...made.map((dir): FactAfter => [ask('path', dir), plain]),
      [
        ask('path', o.path),
        { type: 'directory', mode: access.mode, owner: access.user, group: access.group },
      ],
    ]
    const script = makeDirectory(o.path, `${access.user}:${access.group}`, access.mode)
    return [{ what: 'create', script, factsAfter }]
  },
})

/**
 * Makes sure that a directory exists with this owner (default root:root) and mode (default 0755). Missing parents are made as
 * root:root 0755. It does not touch what is inside.
 *
 * @param path - absolute, without `..` or a trailing slash
 * @throws TaskError when something other than a directory is in the way, or the owner does not exist.
 *
 * @example
 * await directory('/srv/share', { owner: 'nobody:nogroup', mode: '2775' })
 */
export const directory = (path: string, options: DirectoryOptions = {}): Promise<Result> =>
  define({ path, ...options })
