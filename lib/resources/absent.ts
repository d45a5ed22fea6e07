import { ask, type Query } from '../facts/index.ts'
import { remove } from '../shell/staging.ts'
import { TaskError } from '../errors.ts'
import { checkPath, resource, type Common, type Result } from './resource.ts'
import { ancestorsOf, checkWay, wayTo } from './way.ts'

const define = resource({
  name: (o: Common & { readonly path: string }) => `absent ${o.path}`,
  check: o => checkPath(o.path),
  needs: (o): { readonly [dir: string]: Query<'path'>; readonly self: Query<'path'> } => ({
    ...wayTo(o.path),
    self: ask('path', o.path),
  }),
  plan(o, now, { doubt }) {
    const { self } = now
    if (self === null) return []
    if (self.type === 'directory')
      throw new TaskError(`${o.path} is a directory; absent() removes only files and links`)
    checkWay(ancestorsOf(o.path), now, doubt)
    return [
      {
        what: 'remove',
        script: remove(o.path),
        factsAfter: [
          [ask('path', o.path), null],
          [ask('sha', o.path), null],
          [ask('link', o.path), null],
        ],
      },
    ]
  },
})

/**
 * Makes sure that there is no file or link at this path. It never removes a directory.
 *
 * @param path - absolute, without `..` or a trailing slash
 * @throws TaskError for a directory.
 *
 * @example
 * await absent('/etc/nginx/sites-enabled/default', { notify: 'reload nginx' })
 */
export const absent = (path: string, options: Common = {}): Promise<Result> =>
  define({ path, ...options })
