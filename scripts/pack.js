// All that a package needs beside its sources: the bundle, the declarations and the manual page. `npm run build`; npm calls it
// before `npm pack` and `npm publish` (prepack).
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.js'
import { makeTypes } from './types.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

// The package's source maps do not repeat the sources: they name files and lines.
await build({ sources: process.env.npm_lifecycle_event !== 'prepack' })
makeTypes()
const page = spawnSync(process.execPath, [join(root, 'lib/bin.js'), 'man'], { encoding: 'utf8' })
if (page.status !== 0) throw new Error(page.stderr)
writeFileSync(join(root, 'dist', 'fmc.1'), page.stdout)
