// Makes all that a package needs beside its sources: the bundle, the manual page, and in dist/types the declarations of what package.json
// exports. npm calls it before `npm pack` and `npm publish` (prepack).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const types = join(root, 'dist', 'types')

await build({ sources: false })
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'scripts/tsconfig.types.json')],
  { stdio: 'inherit' },
)
if (status !== 0) process.exit(1)
const page = spawnSync(process.execPath, [join(root, 'lib/bin.js'), 'man'], { encoding: 'utf8' })
if (page.status !== 0) throw new Error(page.stderr)
writeFileSync(join(root, 'dist', 'fmc.1'), page.stdout)

/** The declarations that users reach; they name each other as .js, because .ts is for TypeScript's own sources. */
const reached = new Set()
const reach = file => {
  if (reached.has(file)) return
  reached.add(file)
  const text = readFileSync(file, 'utf8').replace(
    /((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g,
    '$1.js$2',
  )
  writeFileSync(file, text)
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]*)\.js['"]/g))
    reach(join(dirname(file), `${target}.d.ts`))
}
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
for (const { types: entry } of Object.values(exports)) if (entry) reach(join(root, entry))
for (const entry of readdirSync(types, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  if (entry.isFile() && !reached.has(file)) rmSync(file)
}
for (const file of reached) if (!existsSync(file)) throw new Error(`${file} was not made`)
