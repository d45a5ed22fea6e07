// Module hooks (https://nodejs.org/api/module.html#customization-hooks): a TypeScript file is stripped of its types by
// esbuild once, and taken from node_modules/.cache/ts by every later process until its text changes.
import { transformSync, version } from 'esbuild'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(root, 'node_modules', '.cache', 'ts')
mkdirSync(cache, { recursive: true })

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) return next(url, context)
  return { format: 'module', source: compiled(fileURLToPath(url)), shortCircuit: true }
}

/** The JavaScript of a TypeScript file, with an inline source map. */
function compiled(file) {
  const source = readFileSync(file, 'utf8')
  const id = createHash('sha256').update(`${version}\0${file}\0${source}`).digest('hex')
  const output = join(cache, `${id}.js`)
  try {
    return readFileSync(output, 'utf8')
  } catch {
    // Not compiled yet.
  }
  const { code } = transformSync(source, {
    loader: 'ts',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    sourcefile: file,
    tsconfigRaw: '{}',
  })
  // Other processes read the cache at the same time.
  const part = `${output}.${process.pid}`
  writeFileSync(part, code)
  renameSync(part, output)
  return code
}
