// Makes dist/types: the declarations of what package.json exports, for TypeScript in a project of its own.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const types = join(root, 'dist', 'types')

/** Are there declarations, of whatever age? */
export const haveTypes = () => existsSync(types)

/** Throws when the sources have type errors. */
export function makeTypes() {
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', join(root, 'scripts/tsconfig.types.json')],
    { stdio: 'inherit' },
  )
  if (status !== 0) throw new Error('the declarations cannot be made')
  const reached = new Set()
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const { types: entry } of Object.values(exports))
    if (entry) reach(join(root, entry), reached)
  for (const entry of readdirSync(types, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && !reached.has(file)) rmSync(file)
  }
}

/** The declarations that a user reaches from here. They name each other as .js: .ts is for sources. */
function reach(file, reached) {
  if (reached.has(file)) return
  reached.add(file)
  const text = readFileSync(file, 'utf8').replace(
    /((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g,
    '$1.js$2',
  )
  writeFileSync(file, text)
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]*)\.js['"]/g))
    reach(join(dirname(file), `${target}.d.ts`), reached)
}
