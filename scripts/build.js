// Bundles lib/ into dist/ with esbuild: start-up is what every no-change run pays. Called by npm (prepare) and,
// in a checkout, by lib/bin.js whenever a source is newer than the bundle.
//
// Two forms of the same code: ES modules in pieces, of which a command loads only what it needs (fmc --help), and
// one script for V8's code cache (lib/cached.js), which the commands that need nearly everything start from.
import { build as esbuild } from 'esbuild'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** zod carries its messages in fifty languages; each start would pay for them. */
const englishOnly = {
  name: 'zod in English',
  setup: build =>
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
    })),
}

/** ssh2's optional native parts: with TCP_NODELAY they make no difference to a session (measured). */
const noNativeParts = {
  name: 'no native parts',
  setup(build) {
    build.onLoad({ filter: /\.node$/ }, () => ({ contents: '' }))
    build.onResolve({ filter: /^cpu-features$/ }, () => ({ path: 'none', namespace: 'none' }))
    build.onLoad({ filter: /.*/, namespace: 'none' }, () => ({
      contents: "throw new Error('not here')",
    }))
  },
}

const common = version => ({
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  // yaml's node entry is CommonJS, whose names a dynamic import of a bundle does not see.
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  external: ['esbuild'],
  define: { FMC_VERSION: JSON.stringify(version) },
  plugins: [englishOnly, noNativeParts],
  logLevel: 'error',
})

const modules = (out, version) =>
  esbuild({
    ...common(version),
    entryPoints: { cli: 'lib/cli/main.ts', library: 'lib/index.ts' },
    outdir: out,
    outExtension: { '.js': '.js' },
    splitting: true,
    format: 'esm',
    sourcemap: 'linked',
    metafile: true,
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url); const __dirname = import.meta.dirname; const __filename = import.meta.filename;",
    },
  })

async function script(out, version) {
  const { outputFiles } = await esbuild({
    ...common(version),
    write: false,
    stdin: {
      contents: `
        export { main } from './lib/cli/main.ts'
        export { startUp } from './lib/cli/start-up.ts'
        export const library = () => import('./lib/index.ts')`,
      resolveDir: root,
      loader: 'ts',
    },
    outfile: join(out, 'fmc.cjs'),
    format: 'cjs',
    minifyWhitespace: true,
    // A script from the code cache has no import() of its own: what is left of them becomes require().
    supported: { 'dynamic-import': false },
    define: {
      ...common(version).define,
      'import.meta.url': '__fileUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: { js: "const __fileUrl = require('node:url').pathToFileURL(__filename).href;" },
  })
  writeFileSync(join(out, 'fmc.cjs'), ascii(outputFiles[0].text))
}

/**
 * A source with one character beyond Latin-1 takes V8 twice the memory and 90 ms more. esbuild leaves them in regular
 * expressions, where an escape means the same; so it does in everything but the raw text of tagged templates.
 */
const ascii = text =>
  text.replace(/[^\0-\x7f]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** What roles import: the library of the form that runs, so that there is one instance of it. */
function index(out, names) {
  const from = "(globalThis[Symbol.for('fmc.library')] ?? (() => import('./library.js')))()"
  writeFileSync(
    join(out, 'index.js'),
    `const library = await ${from}\nexport const { ${names.join(', ')} } = library\n`,
  )
}

export async function build() {
  const out = join(root, `dist.${process.pid}`)
  mkdirSync(out)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const [{ metafile }] = await Promise.all([modules(out, version), script(out, version)])
  const library = Object.values(metafile.outputs).find(o => o.entryPoint === 'lib/index.ts')
  index(out, library.exports)
  writeFileSync(join(out, 'package.json'), '{"type":"module"}\n')
  const dist = join(root, 'dist')
  const old = join(root, `dist.old.${process.pid}`)
  mkdirSync(dist, { recursive: true })
  renameSync(dist, old)
  renameSync(out, dist)
  rmSync(old, { recursive: true, force: true })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
