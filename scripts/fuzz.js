// `npm run fuzz`: made-up inputs for everything that reads other people's data (test/fuzz). `--guided` counts the branches
// in lib/ and roles/ that inputs reach, and keeps the inputs that reach new ones.
import { build } from 'esbuild'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const guided = process.argv.includes('--guided')
const { counted } = guided ? await import('./counted.js') : { counted: text => text }
const dir = join(root, 'node_modules', '.cache', 'fuzz')
const output = join(dir, `${process.pid}.mjs`)
mkdirSync(dir, { recursive: true })
await build({
  absWorkingDir: root,
  entryPoints: ['test/fuzz/main.ts'],
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
      name: 'counters',
      setup(b) {
        b.onLoad({ filter: /\.ts$/ }, ({ path }) => {
          const text = readFileSync(path, 'utf8')
            .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
            .replaceAll('import.meta.filename', JSON.stringify(path))
            .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
          const ours = /^(lib|roles|test\/fuzz\/targets\/planted)/.test(relative(root, path))
          return { loader: 'ts', contents: guided && ours ? counted(text, path) : text }
        })
      },
    },
  ],
})
process.on('exit', () => rmSync(output, { force: true }))
await import(pathToFileURL(output).href)
