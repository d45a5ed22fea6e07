import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { COPY, PUBLISH, stage } from '../shell/staging.ts'
import { checkParent, checkReadable } from './access.ts'
import { leftoverChanges, leftoverOf } from './leftover.ts'
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import type { FactAfter } from './scope.ts'
import { ancestorsOf, checkWay, wayTo } from './way.ts'

const define = resource({
  name: (o: Common & { readonly path: string; readonly line: string }) =>
    `line ${o.path} ${o.line}`,
  check(o) {
    checkPath(o.path)
    expect(o.line !== '' && !/[\n\0]/.test(o.line), `${JSON.stringify(o.line)} is not one line`)
  },
  needs: o => ({
    there: ask('line', `${o.path}\0${o.line}`),
    self: ask('path', o.path),
    parent: ask('path', dirname(o.path)),
    ...wayTo(o.path),
    left: leftoverOf(o.path),
  }),
  plan({ path, line: text }, now, { doubt }) {
    const { there, self, parent, left } = now
    if (self !== null && self.type !== 'file')
      throw new TaskError(`${path} is a ${self.type}, not a file`, {
        hint: self.type === 'link' ? 'name the file that it points to' : undefined,
      })
    checkReadable(there)
    if (there) return leftoverChanges(path, left)
    checkParent(path, parent, doubt)
    checkWay(ancestorsOf(path), now, doubt)
    // Copy with attributes, append, rename: a reader never sees half a line.
    const script = `${stage(path)}
${self === null ? 'umask 022; : >new' : COPY}
[ ! -s new ] || [ -z "$(tail -c1 new)" ] || echo >>new
printf '%s\\n' ${quote(text)} >>new; sync -- new
${PUBLISH}`
    const created: FactAfter = [
      ask('path', path),
      { type: 'file', mode: '0644', owner: 'root', group: 'root' },
    ]
    return [
      {
        what: `append ${text}`,
        script,
        factsAfter: [
          [ask('line', `${path}\0${text}`), true],
          [ask('sha', path), 'unknown'],
          [leftoverOf(path), false],
          ...(self === null ? [created] : []),
        ],
      },
      ...leftoverChanges(path, left),
    ]
  },
})

/**
 * Makes sure that a file contains this whole line; appends it when missing. For files that the role shares with the
 * operating system or with other software; else use `file`. A missing file is created (root:root 0644).
 *
 * @param path - absolute, without `..` or a trailing slash; not a link
 * @param text - one line, without the line end
 * @throws TaskError for a path that is not a file, and for text with a line break.
 *
 * @example
 * await line('/etc/hosts', '10.17.3.11 master1')
 */
export const line = (path: string, text: string, options: Common = {}): Promise<Result> =>
  define({ path, line: text, ...options })
