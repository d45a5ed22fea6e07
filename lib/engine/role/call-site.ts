import { fileURLToPath } from 'node:url'

/** fmc's own code: dist/ of the bundle, or lib/ of the sources. */
const OWN = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '.' : '../../', import.meta.url),
)

const FRAME = /(?:^at (?:async )?|\()((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/

/** `FILE:LINE` of the author's code from which an Error was made; undefined: only fmc's own code is on its stack. */
export function siteOf({ stack = '' }: Error): string | undefined {
  for (const line of stack.split('\n')) {
    const [, where = '', number = ''] = FRAME.exec(line.trim()) ?? []
    const file = where.startsWith('file:') ? fileURLToPath(where) : where
    if (where !== '' && !file.startsWith(OWN) && !file.includes('/node_modules/'))
      return `${file}:${number}`
  }
  return undefined
}
