import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cacheDir, demandOwnCache, readCached, writeCached } from '../cache-dir.ts'
import { FmcError, UsageError } from '../errors.ts'
import { demandTrust } from '../trust.ts'
import { packageRoot } from './paths.ts'

/** The sources of a compiled file: path, modification time and size of each. */
type Inputs = readonly (readonly [path: string, mtimeMs: number, size: number])[]

interface Compiled {
  readonly code: string
  readonly inputs: Inputs
}

/**
 * The default export of a user's TypeScript file. The file and all that it imports are compiled into one module in the
 * cache, which is used again until a source changes: only then esbuild is loaded. A damaged or read-only cache costs
 * only time. UsageError when the code is wrong, or when another user owns or may write a part of it.
 */
export async function importTs(entry: string, inventoryFile: string): Promise<unknown> {
  const bundle = join(packageRoot(), 'dist', 'index.js')
  const home = homeOf(entry, dirname(resolve(inventoryFile)))
  demandTrust(entry, [entry], home)
  const dir = join(cacheDir(), 'compiled')
  demandOwnCache(dir)
  const id = createHash('sha256').update(`${entry}\0${bundle}`).digest('hex').slice(0, 24)
  const output = join(dir, `${id}.mjs`)
  const known = current(output)
  const compiled = known ?? (await compile(entry, bundle))
  const sources = compiled.inputs.map(([path]) => path).filter(path => path !== bundle)
  demandTrust(entry, sources, home)
  const stored = known !== undefined || save(output, compiled)
  const url = stored ? pathToFileURL(output).href : inMemory(entry, compiled.code)
  const loaded = (await import(url).catch((error: unknown) => {
    throw loadError(entry, error)
  })) as { default?: unknown }
  return loaded.default
}

/** The directory whose owner must be trusted: the project, fmc itself, or the directory of a file named by its path. */
const homeOf = (entry: string, project: string): string =>
  [project, packageRoot()].find(dir => entry.startsWith(`${dir}/`)) ?? dirname(entry)

/** An error of loading a user's file: what the file throws is the user's error, not a bug of fmc. */
const loadError = (entry: string, error: unknown): Error =>
  error instanceof FmcError
    ? error
    : new UsageError(
        `${entry}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
      )

const digest = (code: string): string => createHash('sha256').update(code).digest('hex')

/** The module compiled earlier; undefined when there is none, a source has changed, or the cache is damaged. */
function current(output: string): Compiled | undefined {
  try {
    const { sha256, inputs } = JSON.parse(readCached(`${output}.json`) ?? '') as {
      sha256: string
      inputs: Inputs
    }
    const same = inputs.every(([path, mtimeMs, size]) => {
      const now = statSync(path)
      return now.mtimeMs === mtimeMs && now.size === size
    })
    const code = same && inputs.length > 0 ? readCached(output) : undefined
    return code !== undefined && digest(code) === sha256 ? { code, inputs } : undefined
  } catch {
    return undefined
  }
}

const save = (output: string, { code, inputs }: Compiled): boolean =>
  writeCached(output, code) &&
  writeCached(`${output}.json`, JSON.stringify({ sha256: digest(code), inputs }))

/** The URL of a module without a file; its errors name the entry instead of the whole text. */
const inMemory = (entry: string, code: string): string => {
  const named = `${code}\n//# sourceURL=${pathToFileURL(entry).href}\n`
  return `data:text/javascript;base64,${Buffer.from(named).toString('base64')}`
}

async function compile(entry: string, bundle: string): Promise<Compiled> {
  const { build } = await import('esbuild')
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    absWorkingDir: '/',
    logLevel: 'silent',
    // Else esbuild obeys a tsconfig.json of any directory above, also one that others may write.
    tsconfigRaw: '{}',
    plugins: [
      {
        name: 'fmc',
        setup(b) {
          // One instance of the library, however it is imported.
          b.onResolve({ filter: /(^fmc$|\/lib\/index\.(ts|js)$)/ }, () => ({
            path: pathToFileURL(bundle).href,
            external: true,
          }))
        },
      },
    ],
  }).catch((error: unknown) => {
    throw compileError(entry, error)
  })
  const files = [...Object.keys(metafile.inputs).map(path => join('/', path)), bundle]
  return {
    code: outputFiles[0]?.text ?? '',
    inputs: files.map(file => {
      const { mtimeMs, size } = statSync(file)
      return [file, mtimeMs, size]
    }),
  }
}

function compileError(entry: string, error: unknown): Error {
  const found = (
    error as {
      errors?: readonly {
        text: string
        location: { file: string; line: number; column: number } | null
      }[]
    }
  ).errors
  if (!found) return error instanceof Error ? error : new Error(String(error))
  return new UsageError(
    found
      .map(e =>
        e.location
          ? `/${e.location.file}:${e.location.line}:${e.location.column + 1}: ${e.text}`
          : `${entry}: ${e.text}`,
      )
      .join('\n'),
  )
}
