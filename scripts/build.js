// Bundles lib/ into dist/ with esbuild, which makes start-up fast. Called by `npm run build`,
// `npm test` and, in a checkout, by lib/bin.js whenever a source is newer than the bundle or there is none yet.
import { build as esbuild } from 'esbuild'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Leaves out zod's messages in other languages, which would slow down every start. */
const englishOnly = {
  name: 'zod in English',
  setup: build =>
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
    })),
}

/** `sources: false`: the source maps do not repeat the sources, for a smaller package. */
export async function build({ sources = true } = {}) {
  const out = join(root, `dist.${process.pid}`)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  await esbuild({
    absWorkingDir: root,
    entryPoints: {
      cli: 'lib/cli/main.ts',
      complete: 'lib/cli/complete/index.ts',
      index: 'lib/index.ts',
      testing: 'lib/testing/index.ts',
      eslint: 'lib/eslint-preset.ts',
    },
    outdir: out,
    outExtension: { '.js': '.js' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: sources,
    // ssh2's optional native parts: with TCP_NODELAY they make no difference to a session (measured).
    loader: { '.node': 'empty' },
    // yaml's entry for Node is CommonJS: its names are not visible to a dynamic import in a bundle.
    alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
    // typescript-eslint is the project's own: only eslint.js imports it.
    external: ['esbuild', 'cpu-features', 'typescript-eslint'],
    define: { FMC_VERSION: JSON.stringify(version) },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url); const __dirname = import.meta.dirname; const __filename = import.meta.filename;",
    },
    plugins: [englishOnly],
    logLevel: 'error',
  })
  writeFileSync(join(out, 'package.json'), '{"type":"module"}\n')
  const { commandTree } = await import(pathToFileURL(join(out, 'cli.js')).href).catch(error => {
    rmSync(out, { recursive: true, force: true })
    throw error
  })
  writeFileSync(join(out, 'commands.json'), JSON.stringify(commandTree()))
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

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
