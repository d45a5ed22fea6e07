import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cacheDir, demandOwnCache, readCached, writeCached } from '../cache-dir.ts'
import { FmcError, UsageError } from '../errors.ts'
import { importModule } from '../import-module.ts'
import { suggestion } from '../text/nearest.ts'
import { demandTrust } from '../trust.ts'
import { compile, type Compiled, type Inputs } from './compile.ts'
import { packageRoot } from './paths.ts'

/** A user's TypeScript file as one JavaScript module. */
interface Module {
  /** The module's file in the cache; undefined: the cache cannot be written. */
  readonly file: string | undefined
  readonly code: string
  /** The user's files that it was made from. */
  readonly sources: readonly string[]
}

/**
 * Compiles a user's TypeScript file and all that it imports into one module in the cache, which is used again until a source
 * changes: only then esbuild is loaded. A damaged or read-only cache costs only time. UsageError when the code is wrong, or
 * when another user owns or may write a part of it.
 */
export async function moduleOf(entry: string, inventoryFile: string): Promise<Module> {
  const bundle = bundleFile()
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
  return { file: stored ? output : undefined, code: compiled.code, sources }
}

const bundleFile = (): string => join(packageRoot(), 'dist', 'index.js')

/** The default export of a user's TypeScript file. Throws as moduleOf does, and UsageError for what the file throws. */
export async function importTs(entry: string, inventoryFile: string): Promise<unknown> {
  const module = await moduleOf(entry, inventoryFile)
  const scratch = module.file === undefined ? scratchFile(module.code) : undefined
  const file = module.file ?? scratch
  try {
    const url = file === undefined ? inMemory(entry, module.code) : urlOf(file, module.code)
    return ((await importModule(url)) as { default?: unknown }).default
  } catch (error) {
    throw await loadError(entry, module.sources, error)
  } finally {
    if (scratch !== undefined) rmSync(dirname(scratch), { recursive: true, force: true })
  }
}

/** What this process has imported of each file: Node keeps a module by its URL, whatever the file says later. */
const imported = new Map<string, string>()

/** The URL of a module: its file; with a query if this process has imported other code from there. */
function urlOf(file: string, code: string): string {
  const { href } = pathToFileURL(file)
  const now = digest(code)
  const first = imported.get(file) ?? now
  imported.set(file, first)
  return first === now ? href : `${href}?${now.slice(0, 16)}`
}

/**
 * A file in a private directory of the system's temporary one, only while it is imported: Node reads the source maps of files
 * alone. undefined: that directory cannot be written either.
 */
function scratchFile(code: string): string | undefined {
  try {
    const file = join(mkdtempSync(join(tmpdir(), 'fmc-')), 'compiled.mjs')
    writeFileSync(file, code, { mode: 0o600, flag: 'wx' })
    return file
  } catch {
    return undefined
  }
}

/** The directory whose owner must be trusted: the project, fmc itself, or the directory of a file named by its path. */
const homeOf = (entry: string, project: string): string =>
  [project, packageRoot()].find(dir => entry.startsWith(`${dir}/`)) ?? dirname(entry)

/** An error of loading a user's file: what the file throws is the user's error, not a bug of fmc. */
async function loadError(
  entry: string,
  sources: readonly string[],
  error: unknown,
): Promise<Error> {
  if (!(error instanceof Error)) return new UsageError(`${entry}: it throws ${String(error)}`)
  const missing = / does not provide an export named '([^']+)'/.exec(error.message)?.[1]
  if (error instanceof SyntaxError && missing !== undefined)
    return noExport(entry, sources, missing)
  const at = positionIn(error, sources) ?? entry
  if (!(error instanceof FmcError)) return new UsageError(`${at}: ${error.name}: ${error.message}`)
  return Object.assign(error, { message: `${at}: ${error.message}` })
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Where a stack trace passes through one of these files first: `file:line:column`. Node shows some of their characters as in a URL. */
function positionIn(error: Error, files: readonly string[]): string | undefined {
  for (const line of (error.stack ?? '').split('\n')) {
    const [, shown = '', position = ''] = /^\s+at (?:.*\()?(\/.*?)(:\d+:\d+)\)?$/.exec(line) ?? []
    const file = files.find(f => f === shown || f === decoded(shown))
    if (file !== undefined) return file + position
  }
  return undefined
}

async function noExport(
  entry: string,
  sources: readonly string[],
  name: string,
): Promise<UsageError> {
  const fmc = (await importModule(pathToFileURL(bundleFile()).href)) as Readonly<
    Record<string, unknown>
  >
  return new UsageError(`${importOf(sources, name) ?? entry}: fmc has no export named ${name}`, {
    hint: suggestion(name, Object.keys(fmc)),
  })
}

/** Where one of these files imports that name from fmc. */
function importOf(files: readonly string[], name: string): string | undefined {
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    for (const { 1: names = '', index } of text.matchAll(
      /import\s*\{([^}]*)\}\s*from\s*['"](?:fmc|[./]+\/lib)\b/g,
    )) {
      const inside = new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`).exec(names)
      if (!inside) continue
      const before = text.slice(0, text.indexOf('{', index) + 1 + inside.index).split('\n')
      return `${file}:${before.length}:${(before.at(-1) ?? '').length + 1}`
    }
  }
  return undefined
}

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
