import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { canonical, type Digest } from '../../engine/saved/digests.ts'
import { UsageError } from '../../errors.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import type { PlanInput } from '../../plan/format.ts'
import { Secret } from '../../secrets/secret.ts'
import { moduleOf } from '../import-ts.ts'
import { packageRoot } from '../paths.ts'
import type { Ready } from '../prepare.ts'

declare const FMC_VERSION: string

const MOST_FILES = 20_000

/**
 * All that a plan is made from, besides the hosts: the code of its playbook and roles with the files beside it, fmc's own code, and
 * the inventory with the variables and secrets in use. `entries`: the playbook's file, or those of a role.
 */
export async function inputsOf(
  ready: Ready,
  entries: readonly string[],
  digest: Digest,
): Promise<PlanInput[]> {
  const { inventory, chosen } = ready
  return [
    { kind: 'fmc', name: 'version', digest: digest(`${FMC_VERSION} ${ownCode()}`) },
    ...(await codeOf(entries, inventory.file, digest)),
    ...settingsOf(inventory, digest),
    ...[...inventory.hosts.values()].map(host => ({
      kind: 'host' as const,
      name: host.name,
      digest: digest(canonical(sharedPart(host, inventory))),
    })),
    ...variablesOf(ready, digest),
    ...chosen.context.secrets.map(secret => ({
      kind: 'secret' as const,
      name: secret.name,
      digest: digest(canonical(secret)),
    })),
  ]
}

/** What belongs to one machine or user, and is no part of the inventory's meaning. */
const OWN = new Set(['file', 'secretsFile', 'knownHostsFile', 'hosts', 'givenSsh', 'lab'])

const settingsOf = (inventory: Inventory, digest: Digest): PlanInput[] =>
  Object.entries(inventory)
    .filter(([key]) => !OWN.has(key))
    .map(([name, value]) => ({
      kind: 'inventory' as const,
      name,
      digest: digest(canonical(value)),
    }))

/** A host without its variables, and with its login as the inventory says it: ssh_config is another one on another machine. */
function sharedPart(host: Host, { givenSsh }: Inventory): Record<string, unknown> {
  return { ...host, vars: undefined, ssh: givenSsh.get(host.name) }
}

/** The variables that the selected roles read, on the selected hosts. */
function variablesOf({ hosts, inventory, stages }: Ready, digest: Digest): PlanInput[] {
  const keys = new Set(
    stages.flat().flatMap(p => p.roles.flatMap(role => Object.keys(role.vars.shape))),
  )
  return hosts.flatMap(({ name }) =>
    Object.entries(inventory.hosts.get(name)?.vars ?? {})
      .filter(([key]) => keys.has(key))
      .map(([key, value]) => ({
        kind: 'variable' as const,
        name: `${name} ${key}`,
        digest: digest(canonical(byName(value))),
      })),
  )
}

/** A value with the names of secrets for their texts, which are inputs of their own. */
function byName(value: unknown): unknown {
  if (value instanceof Secret) return { secret: value.name }
  if (Array.isArray(value)) return value.map(byName)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, byName(inner)]))
  return value
}

/** The sources of the entries, every file of the roles that they are in, and the project's and fmc's files/. */
async function codeOf(
  entries: readonly string[],
  inventoryFile: string,
  digest: Digest,
): Promise<PlanInput[]> {
  const project = dirname(resolve(inventoryFile))
  const own = packageRoot()
  const modules = await Promise.all(entries.map(entry => moduleOf(entry, inventoryFile)))
  const sources = modules.flatMap(module => module.sources)
  const folders = new Set(sources.flatMap(path => /^(.*\/roles\/[^/]+)\/./.exec(path)?.[1] ?? []))
  const paths = new Set([
    ...sources,
    ...[...folders, join(project, 'files'), join(own, 'files')].flatMap(filesBelow),
  ])
  if (paths.size > MOST_FILES)
    throw new UsageError(
      `a plan can keep the digests of ${MOST_FILES} files, but its roles and files/ have ${paths.size}`,
    )
  const nameOf = (path: string): string =>
    path.startsWith(`${project}/`)
      ? relative(project, path)
      : path.startsWith(`${own}/`)
        ? `fmc's ${relative(own, path)}`
        : path
  return [...paths]
    .sort()
    .map(path => ({ kind: 'file', name: nameOf(path), digest: digest(fileSum(path)) }))
}

/** Not code: documents, and what tools leave behind. */
const SKIPPED = /^(node_modules|\.git|.*\.md|.*~|\..*\.sw[a-p])$/

function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { withFileTypes: true })
    .filter(({ name }) => !SKIPPED.test(name))
    .flatMap(entry => {
      const path = join(dir, entry.name)
      if (entry.isDirectory()) return filesBelow(path)
      return entry.isFile() || entry.isSymbolicLink() ? [path] : []
    })
}

/** The checksum of a file, of a link also where it leads. */
function fileSum(path: string): string {
  const hash = createHash('sha256')
  if (lstatSync(path).isSymbolicLink()) hash.update(`${readlinkSync(path)}\0`)
  try {
    hash.update(readFileSync(path))
  } catch (error) {
    hash.update(`unreadable: ${(error as NodeJS.ErrnoException).code ?? ''}`)
  }
  return hash.digest('hex')
}

/** One checksum of all code that runs as fmc. */
function ownCode(): string {
  const dist = join(packageRoot(), 'dist')
  const hash = createHash('sha256')
  for (const path of filesBelow(dist).sort())
    if (path.endsWith('.js')) hash.update(`${relative(dist, path)}\0${fileSum(path)}\n`)
  return hash.digest('hex')
}
