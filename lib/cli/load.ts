import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cacheDir } from '../cache-dir.ts'
import { FmcError, UsageError } from '../errors.ts'
import type { Playbook, Role } from '../engine/role.ts'
import { suggestion } from '../inventory/nearest.ts'
import { packageRoot, searchDirs } from './paths.ts'

/** What a compiled file was made of: path, modification time and size of every source. */
type Inputs = readonly (readonly [path: string, mtimeMs: number, size: number])[]

/**
 * The default export of a TypeScript file of the user's. It is compiled with everything it imports into one module in
 * the cache, which is used again until one of its sources changes: esbuild is loaded only then.
 */
async function importTs(entry: string): Promise<unknown> {
  const bundle = join(packageRoot(), 'dist', 'index.js')
  const id = createHash('sha256').update(`${entry}\0${bundle}`).digest('hex').slice(0, 24)
  const dir = join(cacheDir(), 'compiled')
  const output = join(dir, `${id}.mjs`)
  if (!isCurrent(`${output}.json`) || !existsSync(output)) await compile(entry, bundle, dir, output)
  const loaded = (await import(pathToFileURL(output).href).catch((error: unknown) => {
    throw loadError(entry, error)
  })) as { default?: unknown }
  return loaded.default
}

/** The file is the user's, and so is what it throws. */
const loadError = (entry: string, error: unknown): Error =>
  error instanceof FmcError
    ? error
    : new UsageError(
        `${entry}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
      )

function isCurrent(file: string): boolean {
  try {
    const inputs = JSON.parse(readFileSync(file, 'utf8')) as Inputs
    return inputs.every(([path, mtimeMs, size]) => {
      const now = statSync(path)
      return now.mtimeMs === mtimeMs && now.size === size
    })
  } catch {
    return false
  }
}

async function compile(entry: string, bundle: string, dir: string, output: string): Promise<void> {
  const { build } = await import('esbuild')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const candidate = `${output}.${process.pid}`
  const result = await build({
    entryPoints: [entry],
    outfile: candidate,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    absWorkingDir: '/',
    logLevel: 'silent',
    plugins: [
      {
        name: 'fmc',
        setup(b) {
          // One instance of the library, whoever imports it and however.
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
  const inputs: Inputs = Object.keys(result.metafile.inputs).map(path => {
    const file = join('/', path)
    const { mtimeMs, size } = statSync(file)
    return [file, mtimeMs, size]
  })
  renameSync(candidate, output)
  writeFileSync(
    `${output}.json`,
    JSON.stringify([...inputs, [bundle, statSync(bundle).mtimeMs, statSync(bundle).size]]),
  )
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

const names = (
  dirs: readonly string[],
  of: (dir: string, name: string) => string | undefined,
): Map<string, string> => {
  const found = new Map<string, string>()
  for (const dir of dirs)
    for (const name of existsSync(dir) ? readdirSync(dir).sort() : []) {
      const file = of(dir, name)
      if (file !== undefined && !found.has(basename(name, '.ts')))
        found.set(basename(name, '.ts'), file)
    }
  return found
}

const playbookFiles = (inventoryFile: string): Map<string, string> =>
  names(searchDirs(inventoryFile, 'playbooks'), (dir, name) =>
    name.endsWith('.ts') ? join(dir, name) : undefined,
  )

/** Role names and their index.ts, from roles/ beside the inventory, here, and of fmc itself. */
export const roleFiles = (inventoryFile: string): Map<string, string> =>
  names(searchDirs(inventoryFile, 'roles'), (dir, name) =>
    existsSync(join(dir, name, 'index.ts')) ? join(dir, name, 'index.ts') : undefined,
  )

function pick(kind: string, name: string, files: ReadonlyMap<string, string>): string {
  const direct = name.endsWith('.ts') && existsSync(name) ? name : files.get(name)
  if (direct !== undefined) return direct
  throw new UsageError(`there is no ${kind} ${name}`, {
    hint: suggestion(name, files.keys()) ?? `${kind}s: ${[...files.keys()].join(', ') || 'none'}`,
  })
}

/** A playbook by name or path. Throws UsageError. */
export async function loadPlaybook(name: string, inventoryFile: string): Promise<Playbook> {
  const file = pick('playbook', name, playbookFiles(inventoryFile))
  const found = (await importTs(file)) as Playbook | undefined
  if (!Array.isArray(found?.stages))
    throw new UsageError(`${file}: its default export is not a playbook(…)`)
  return found
}

/** A role by name. Throws UsageError. */
export async function loadRole(name: string, inventoryFile: string): Promise<Role> {
  const file = pick('role', name, roleFiles(inventoryFile))
  const found = (await importTs(file)) as Role | undefined
  if (typeof found?.tasks !== 'function')
    throw new UsageError(`${file}: its default export is not a role({…})`)
  return found
}

/** What a file beside a role's index.ts exports as its default: a command of fmc that belongs to the role. */
export async function loadPart<T>(role: string, part: string, inventoryFile: string): Promise<T> {
  const file = join(dirname(pick('role', role, roleFiles(inventoryFile))), part)
  if (!existsSync(file)) throw new UsageError(`the role ${role} has no ${file}`)
  return (await importTs(file)) as T
}

/** Every role there is. */
export const loadRoles = async (inventoryFile: string): Promise<Role[]> =>
  Promise.all([...roleFiles(inventoryFile).keys()].map(name => loadRole(name, inventoryFile)))

export const playbookNames = (inventoryFile: string): string[] => [
  ...playbookFiles(inventoryFile).keys(),
]
