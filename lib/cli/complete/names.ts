import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { cacheDir, readCached, writeCached } from '../../cache-dir.ts'
import { readCache } from '../../inventory/cache.ts'
import { packageRoot, searchDirs } from '../paths.ts'
import type { Names } from './candidates.ts'

/*
 * Completion reads what it needs as text and data. It never runs the project's code: pressing Tab in a directory must be
 * harmless. So variables and tags are those that can be read off the sources.
 */

interface InventoryNames {
  readonly hosts: readonly string[]
  readonly groups: readonly string[]
  readonly variables: readonly string[]
}

const NAME = /^[\w.-]+$/
/** Bash puts a candidate into the line as it is: a name that it would have to quote is not offered. */
const PLAIN = /^[\p{L}\p{N}_@%+,.-]+$/u
const MAX_BYTES = 16 * 1024 * 1024

/** The names of a project, by its inventory. Nothing here throws: what cannot be read has no names. */
export function namesOf(inventory: string): Names {
  let known: Promise<InventoryNames> | undefined
  const names = (): Promise<InventoryNames> => (known ??= inventoryNames(resolve(inventory)))
  const playbooks = filesOf(inventory, 'playbooks', name => name.endsWith('.ts'))
  const roles = filesOf(inventory, 'roles', (name, dir) => isFile(join(dir, name, 'index.ts')))
  return {
    playbooks: () => playbooks.keys(),
    roles: () => roles.keys(),
    hosts: async () => (await names()).hosts,
    groups: async () => ['all', ...(await names()).groups],
    variables: async () => [...new Set([...roleVariables(roles), ...(await names()).variables])],
    tags: playbook => [
      ...[...playbooks]
        .filter(([name]) => playbook === undefined || name === playbook)
        .flatMap(([, file]) => tagsIn(textOf(file))),
      ...roles.keys(),
    ],
    yamlFiles: begin => {
      const dir = begin.slice(0, begin.lastIndexOf('/') + 1)
      const plain = entries(dir || '.').filter(({ name }) => PLAIN.test(name))
      return plain.flatMap(entry =>
        entry.isDirectory()
          ? [`${dir}${entry.name}/`]
          : /\.(ya?ml|txt)$/.test(entry.name)
            ? [dir + entry.name]
            : [],
      )
    },
  }
}

const entries = (dir: string) => {
  try {
    return readdirSync(dir, { withFileTypes: true })
  } catch {
    return []
  }
}

/** Names and paths in playbooks/ or roles/, the project's before fmc's own. */
function filesOf(
  inventory: string,
  kind: 'playbooks' | 'roles',
  is: (name: string, dir: string) => boolean,
): Map<string, string> {
  const found = new Map<string, string>()
  for (const dir of searchDirs(inventory, kind))
    for (const { name } of entries(dir)) {
      const short = basename(name, '.ts')
      if (NAME.test(short) && is(name, dir) && !found.has(short)) found.set(short, join(dir, name))
    }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

const textOf = (file: string): string => {
  try {
    const stat = statSync(file)
    return stat.isFile() && stat.size < MAX_BYTES ? readFileSync(file, 'utf8') : ''
  } catch {
    return ''
  }
}

const tagsIn = (source: string): string[] =>
  [...source.matchAll(/\btags:\s*\[([^\]]*)\]/g)]
    .flatMap(([, list = '']) => [...list.matchAll(/['"]([^'"]+)['"]/g)])
    .map(match => match[1] ?? '')
    .filter(tag => NAME.test(tag))

/** Of fmc's own roles from the inventory's schema; of the project's from the lines of their files that declare one. */
function roleVariables(roles: ReadonlyMap<string, string>): string[] {
  const own = packageRoot()
  const schema = parsed(textOf(join(own, 'files/inventory.schema.json')))
  const documented = at(schema, 'properties', 'all', 'properties', 'vars', 'properties')
  const dirs = [...roles.values()].filter(dir => dirname(dirname(dir)) !== own)
  const found = (files: readonly string[], pattern: RegExp): string[] =>
    dirs
      .flatMap(dir => files.flatMap(file => [...textOf(join(dir, file)).matchAll(pattern)]))
      .map(match => match[1] ?? '')
  const declared = found(['vars.ts', 'index.ts'], /^\s+([a-z_][a-z0-9_]*):\s*z\s*\./gm)
  const inline = found(['index.ts'], /[{,]\s*([a-z_][a-z0-9_]*):\s*z\./g)
  return [...keys(documented), ...declared, ...inline]
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (here, key) =>
      typeof here === 'object' && here !== null
        ? (here as Record<string, unknown>)[key]
        : undefined,
    value,
  )

const keys = (value: unknown): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.keys(value).filter(key => NAME.test(key))
    : []

/** From the cache while the file has the same time and size; else from its text, which becomes the cache's. */
async function inventoryNames(file: string): Promise<InventoryNames> {
  const none = { hosts: [], groups: [], variables: [] }
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat?.isFile() || stat.size > MAX_BYTES) return none
  const stamp = `${stat.mtimeMs} ${stat.size}`
  const cache = cacheFile(file)
  const known = parsed((cache && readCached(cache)) ?? '') as
    (InventoryNames & { readonly stamp: string }) | undefined
  if (known?.stamp === stamp) return known
  try {
    const found = namesIn(await dataOf(file))
    // A file that is broken just now keeps the names that it had.
    if (found.hosts.length === 0) return known ?? namesInText(textOf(file))
    if (cache) writeCached(cache, JSON.stringify({ stamp, ...found }))
    return found
  } catch {
    return known ?? namesInText(textOf(file))
  }
}

function cacheFile(inventory: string): string | undefined {
  try {
    const id = createHash('sha256').update(inventory).digest('hex').slice(0, 16)
    return join(cacheDir(), 'complete', `${id}.json`)
  } catch {
    return undefined
  }
}

/** The inventory's data, also of one that fmc would refuse. */
async function dataOf(file: string): Promise<unknown> {
  const bytes = readFileSync(file)
  const known = readCache(file, bytes)
  if (known) return known
  const { parseSource } = await import('../../inventory/source.ts')
  return parseSource(bytes.toString(), file).data
}

function namesIn(data: unknown): InventoryNames {
  const varsOf = (kind: string): string[] =>
    keys(at(data, kind)).flatMap(name => keys(at(data, kind, name, 'vars')))
  return {
    hosts: keys(at(data, 'hosts')),
    groups: keys(at(data, 'groups')),
    variables: [
      ...new Set([...keys(at(data, 'all', 'vars')), ...varsOf('groups'), ...varsOf('hosts')]),
    ],
  }
}

/** The keys below `hosts:` and `groups:` of a text that is no YAML just now. */
function namesInText(text: string): InventoryNames {
  const found = { hosts: [] as string[], groups: [] as string[], variables: [] }
  let section = ''
  let indent: string | undefined
  for (const line of text.split('\n')) {
    const top = /^(\w+):/.exec(line)?.[1]
    if (top !== undefined) [section, indent] = [top, undefined]
    const [, blank = '', name = ''] = /^( +)([\w.-]+):/.exec(line) ?? []
    if (name === '' || (section !== 'hosts' && section !== 'groups')) continue
    indent ??= blank
    if (blank === indent) found[section].push(name)
  }
  return found
}
