import { dirname } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { checkParent } from './access.ts'
import { checkPath, expect, resource, type Common, type Result } from './resource.ts'
import type { Left } from './scope.ts'

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
  }),
  plan({ path, line: text }, { there, self, parent }, { doubt }) {
    if (self !== null && self.type !== 'file')
      throw new TaskError(`${path} is a ${self.type}, not a file`, {
        hint: self.type === 'link' ? 'name the file that it points to' : undefined,
      })
    if (there) return []
    checkParent(path, parent, doubt)
    const file = quote(path)
    const candidate = quote(`${path}.fmc-new`)
    // Copied with its attributes, extended and renamed: a reader never sees half a line.
    const script = `trap ${quote(`rm -f -- ${candidate}`)} EXIT; rm -f -- ${candidate}
${self === null ? `: >${candidate}` : `cp --preserve=all -- ${file} ${candidate}`}
[ ! -s ${candidate} ] || [ -z "$(tail -c1 -- ${candidate})" ] || echo >>${candidate}
printf '%s\\n' ${quote(text)} >>${candidate}; sync -- ${candidate}; mv -fT -- ${candidate} ${file}`
    const created: Left = [
      ask('path', path),
      { type: 'file', mode: '0644', owner: 'root', group: 'root' },
    ]
    return [
      {
        what: `append ${text}`,
        script,
        leaves: [
          [ask('line', `${path}\0${text}`), true],
          [ask('sha', path), 'unknown'],
          ...(self === null ? [created] : []),
        ],
      },
    ]
  },
})

/** A whole line in a file that is shared with the OS or with other software (else use `file`). Appended when missing. */
export const line = (path: string, text: string, options: Common = {}): Promise<Result> =>
  define({ path, line: text, ...options })
