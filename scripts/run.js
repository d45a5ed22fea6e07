// Runs a TypeScript program of the checkout: node scripts/run.js FILE.ts [arguments]. Node 20 does not strip types
// itself, so esbuild makes one module of it; npm packages stay outside.
import { build } from 'esbuild'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [file, ...args] = process.argv.slice(2)
if (file === undefined) {
  process.stderr.write('usage: node scripts/run.js FILE.ts [arguments]\n')
  process.exit(1)
}
const dir = join(root, 'node_modules', '.cache', 'run')
const output = join(dir, `${process.pid}.mjs`)
mkdirSync(dir, { recursive: true })
await build({
  absWorkingDir: root,
  entryPoints: [resolve(file)],
  outfile: output,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'error',
  plugins: [
    {
      name: 'where a module lies',
      setup(b) {
        b.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
          loader: 'ts',
          contents: readFileSync(path, 'utf8')
            .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
            .replaceAll('import.meta.filename', JSON.stringify(path))
            .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
        }))
      },
    },
  ],
})
process.argv = [process.execPath, resolve(file), ...args]
process.on('exit', () => rmSync(output, { force: true }))
await import(pathToFileURL(output).href)
