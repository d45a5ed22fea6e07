// Bundles lib/ into dist/ with esbuild, which makes start-up fast: all of fmc is one script there, so that V8 can keep what it has
// compiled of it (lib/start.ts). Called by `npm run build`,
// `npm test` and, in a checkout, by lib/bin.js whenever a source is newer than the bundle or there is none yet.
import { build as esbuild } from 'esbuild'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withoutPackages } from './source-map.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Leaves out zod's messages in other languages, which would slow down every start. */
const englishOnly = {
  name: 'zod in English',
  setup: build =>
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
    })),
}

/** import() does not work in a script without Node's experimental modules API: start.js hands in its own. */
const importOutside = {
  name: 'import() from outside',
  setup: build =>
    build.onLoad({ filter: /\/lib\/import-module\.ts$/ }, () => ({
      contents: 'export const importModule = url => __import(url)',
    })),
}

/** What fmc.js exports, and what imports it as a module: `fmc` and `fmc/testing`. Both are loaded when they are asked for. */
const ENTRIES = `
export const cli = () => require('./lib/cli/main.ts')
export const index = () => require('./lib/index.ts')
export const testing = () => require('./lib/testing/index.ts')
`

/** The parameters of the function that fmc.js is; lib/start.ts calls it. */
const PARAMETERS = 'exports, require, module, __filename, __dirname, __url, __import'

/** `sources: false`: the source maps do not repeat the sources, for a smaller package. */
export async function build({ sources = true } = {}) {
  const out = join(root, `dist.${process.pid}`)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    // Every start reads the bundle.
    minifyWhitespace: true,
    sourcemap: 'linked',
    sourcesContent: sources,
    define: { FMC_VERSION: JSON.stringify(version) },
    // yaml's entry for Node is CommonJS: its names are not visible to a dynamic import in a bundle.
    alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
    logLevel: 'error',
  }
  const script = join(out, 'fmc.js')
  await esbuild({
    ...common,
    stdin: { contents: ENTRIES, resolveDir: root },
    outfile: script,
    format: 'cjs',
    banner: { js: `(function (${PARAMETERS}) {` },
    footer: { js: '})' },
    // An import() of what is in the bundle, or of a module of Node, becomes require().
    supported: { 'dynamic-import': false },
    // ssh2's optional native parts: with TCP_NODELAY they make no difference to a session (measured).
    loader: { '.node': 'empty' },
    external: ['esbuild', 'cpu-features'],
    define: {
      ...common.define,
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': '__url',
    },
    plugins: [englishOnly, importOutside],
  })
  const map = `${script}.map`
  writeFileSync(map, JSON.stringify(withoutPackages(JSON.parse(readFileSync(map, 'utf8')))))
  const text = ascii(readFileSync(script, 'utf8'))
  writeFileSync(script, text)
  const bundle = createHash('sha256').update(text).digest('hex')
  await esbuild({
    ...common,
    entryPoints: {
      start: 'lib/start.ts',
      complete: 'lib/cli/complete/index.ts',
      eslint: 'lib/eslint-preset.ts',
    },
    outdir: out,
    splitting: true,
    format: 'esm',
    // typescript-eslint is the project's own: only eslint.js imports it.
    external: ['typescript-eslint'],
    define: { ...common.define, FMC_BUNDLE: JSON.stringify(bundle) },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url); const __dirname = import.meta.dirname; const __filename = import.meta.filename;",
    },
    plugins: [englishOnly],
  })
  writeFileSync(join(out, 'package.json'), '{"type":"module"}\n')
  try {
    const { load } = await import(pathToFileURL(join(out, 'start.js')).href)
    for (const entry of ['index', 'testing'])
      writeFileSync(join(out, `${entry}.js`), moduleOf(entry, Object.keys(load()[entry]())))
    const { commandTree } = load().cli()
    writeFileSync(join(out, 'commands.json'), JSON.stringify(commandTree()))
  } catch (error) {
    rmSync(out, { recursive: true, force: true })
    throw error
  }
  const dist = join(root, 'dist')
  const old = join(root, `dist.old.${process.pid}`)
  mkdirSync(dist, { recursive: true })
  renameSync(dist, old)
  // Declarations are made by scripts/pack.js; a new bundle does not remove them.
  if (existsSync(join(old, 'types'))) renameSync(join(old, 'types'), join(out, 'types'))
  try {
    renameSync(out, dist)
  } catch (error) {
    // Another fmc, started at the same time, has made the same bundle.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    rmSync(out, { recursive: true, force: true })
  }
  rmSync(old, { recursive: true, force: true })
}

/** esbuild leaves regular expressions and tagged templates as they are, and lib/start.ts reads one byte per character. */
const ascii = text =>
  text.replace(
    /[^\0-\x7f]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A module with the exports of one entry of fmc.js. */
const moduleOf = (entry, names) =>
  `import { load } from './start.js'
export const {
${names.map(name => `  ${name},\n`).join('')}} = load().${entry}()
`

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
