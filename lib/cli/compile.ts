/** Compiles a user's TypeScript and all that it imports into one module, with esbuild. */
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'esbuild'
import { UsageError } from '../errors.ts'

/** The sources of a compiled file: path, modification time and size of each. */
export type Inputs = readonly (readonly [path: string, mtimeMs: number, size: number])[]

export interface Compiled {
  readonly code: string
  readonly inputs: Inputs
}

/**
 * One module with an inline source map, so that stack traces name the sources. `import.meta.dirname`, `.filename` and `.url`
 * are those of each source. `bundle` is fmc's own dist/index.js, which is among the inputs. UsageError when the code is wrong.
 */
export async function compile(entry: string, bundle: string): Promise<Compiled> {
  const { build } = await import('esbuild')
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    // Where the paths in the source map start; nothing is written there.
    outfile: '/compiled.mjs',
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    sourcemap: 'external',
    sourcesContent: false,
    absWorkingDir: '/',
    logLevel: 'silent',
    // Else esbuild obeys a tsconfig.json of any directory above, also one that others may write.
    tsconfigRaw: '{}',
    plugins: [oneLibrary(dirname(bundle)), ownMeta],
  }).catch((error: unknown) => {
    throw compileError(entry, error)
  })
  const text = (end: string): string => outputFiles.find(f => f.path.endsWith(end))?.text ?? ''
  const files = [...Object.keys(metafile.inputs).map(path => join('/', path)), bundle]
  return {
    code: text('.mjs') + inlineMap(text('.map')),
    inputs: files.map(file => {
      const { mtimeMs, size } = statSync(file)
      return [file, mtimeMs, size]
    }),
  }
}

/** One instance of the library, however it is imported. */
const oneLibrary = (dist: string): Plugin => ({
  name: 'one library',
  setup(b) {
    b.onResolve(
      { filter: /(^fmc(\/testing)?$|\/lib\/(testing\/)?index\.(ts|js)$)/ },
      ({ path }) => ({
        path: pathToFileURL(join(dist, path.includes('testing') ? 'testing.js' : 'index.js')).href,
        external: true,
      }),
    )
  },
})

const LOADERS: Readonly<Record<string, 'ts' | 'tsx' | 'js' | 'jsx'>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.jsx': 'jsx',
}

/** `import.meta` of a source stays its own, although it becomes a part of another file. */
const ownMeta: Plugin = {
  name: 'own import.meta',
  setup(b) {
    b.onLoad({ filter: /\.m?[jt]sx?$/ }, async ({ path }) => {
      const source = readFileSync(path, 'utf8')
      if (!source.includes('import.meta')) return undefined
      const meta = { dirname: dirname(path), filename: path, url: pathToFileURL(path).href }
      const members = Object.entries(meta).map(([name, value]) => [`import.meta.${name}`, value])
      const whole = /\bimport\.meta\s*(?![\s.])/.test(source) ? [['import.meta', meta]] : []
      const loader = LOADERS[/\.\w+$/.exec(path)?.[0] ?? ''] ?? 'ts'
      const { code } = await b.esbuild.transform(source, {
        loader,
        format: 'esm',
        target: 'node20',
        tsconfigRaw: '{}',
        sourcefile: basename(path),
        sourcemap: 'inline',
        sourcesContent: false,
        define: Object.fromEntries(
          [...members, ...whole].map(([name, value]) => [name, JSON.stringify(value)]),
        ) as Record<string, string>,
      })
      return { contents: code, loader: 'js' }
    })
  },
}

/** The comment that Node reads a source map from; every source by its URL. */
function inlineMap(json: string): string {
  const map = JSON.parse(json) as { sources: readonly string[] }
  const sources = map.sources.map(path => pathToFileURL(join('/', path)).href)
  const data = Buffer.from(JSON.stringify({ ...map, sources })).toString('base64')
  return `\n//# sourceMappingURL=data:application/json;base64,${data}\n`
}

interface BuildMessage {
  readonly text: string
  readonly location: { file: string; line: number; column: number } | null
}

function compileError(entry: string, error: unknown): Error {
  const found = (error as { errors?: readonly BuildMessage[] }).errors
  if (!found) return error instanceof Error ? error : new Error(String(error))
  return new UsageError(
    found
      .map(({ text, location: at }) =>
        at ? `${join('/', at.file)}:${at.line}:${at.column + 1}: ${text}` : `${entry}: ${text}`,
      )
      .join('\n'),
  )
}
