import { fileURLToPath } from 'node:url'

/** fmc's own code: the bundle in dist/ and, as its source maps say, the sources in lib/. */
const OWN = (import.meta.url.includes('/dist/') ? ['.', '../lib/'] : ['../../']).map(dir =>
  fileURLToPath(new URL(dir, import.meta.url)),
)

const FRAME = /(?:^at (?:async )?|\()((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/

/** `FILE:LINE` of the author's code from which an Error was made; undefined: only fmc's own code is on its stack. */
export function siteOf({ stack = '' }: Error): string | undefined {
  for (const line of stack.split('\n')) {
    const [, where = '', number = ''] = FRAME.exec(line.trim()) ?? []
    const file = where.startsWith('file:') ? fileURLToPath(where) : where
    if (where !== '' && !OWN.some(dir => file.startsWith(dir)) && !file.includes('/node_modules/'))
      return `${file}:${number}`
  }
  return undefined
}
