import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { PUBLISH, stage } from '../shell/staging.ts'
import { checkParent } from './access.ts'
import { leftoverChanges, leftoverOf } from './leftover.ts'
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import { ancestorsOf, checkWay, wayTo } from './way.ts'

const define = resource({
  name: (o: Common & { readonly path: string; readonly target: string }) => `link ${o.path}`,
  check(o) {
    checkPath(o.path)
    expect(
      o.target !== '' && !o.target.includes('\0'),
      `a link cannot point to ${JSON.stringify(o.target)}`,
    )
  },
  needs: o => ({
    self: ask('path', o.path),
    target: ask('link', o.path),
    parent: ask('path', dirname(o.path)),
    ...wayTo(o.path),
    left: leftoverOf(o.path),
  }),
  plan(o, now, { doubt }) {
    checkParent(o.path, now.parent, doubt)
    if (now.self !== null && now.self.type !== 'link')
      throw new TaskError(`${o.path} is a ${now.self.type}, not a link`)
    if (now.target === o.target) return leftoverChanges(o.path, now.left)
    checkWay(ancestorsOf(o.path), now, doubt)
    return [
      {
        what: now.target === null ? `create → ${o.target}` : `${now.target} → ${o.target}`,
        script: `${stage(o.path)}\nln -s -- ${quote(o.target)} new\n${PUBLISH}`,
        factsAfter: [
          [ask('path', o.path), { type: 'link', mode: '0777', owner: 'root', group: 'root' }],
          [ask('link', o.path), o.target],
          [leftoverOf(o.path), false],
        ],
      },
      ...leftoverChanges(o.path, now.left),
    ]
  },
})

/**
 * Makes sure that `path` is a symbolic link to `target`, as written. A link with another target is replaced in one step.
 *
 * @param path - absolute, without `..` or a trailing slash; its directory must exist
 * @param target - absolute, or relative to the link's directory; need not exist
 * @throws TaskError when something other than a link is at the path.
 *
 * @example
 * await link('/etc/nginx/sites-enabled/app', '../sites-available/app')
 */
export const link = (path: string, target: string, options: Common = {}): Promise<Result> =>
  define({ path, target, ...options })
