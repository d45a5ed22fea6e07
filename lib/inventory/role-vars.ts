import type { z } from 'zod'
import { UsageError } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { matchHosts } from './patterns.ts'
import { platformFindings, type Platforms } from './platform.ts'
import { problemsError, type UnplacedProblem, type Path } from './problem.ts'
import type { RawInventory } from './raw.ts'
import type { Host, Inventory } from './types.ts'
import { zodFindings } from './zod-findings.ts'

/** A remark on one of a role's variables. */
export interface Advice {
  readonly variable: string
  /** Default: a warning. */
  readonly severity?: 'error' | undefined
  /** The place in its value. */
  readonly within?: Path | undefined
  readonly message: string
  readonly hint?: string | undefined
}

/** What a role's advice is made from. */
export interface Advisor<V> {
  readonly vars: V
  readonly host: Host
  readonly inventory: Inventory
  /** Hosts of a pattern. */
  readonly hosts: (pattern: string) => readonly Host[]
}

/** A role, the hosts that it will run on, and the variables that it declares. */
export interface RoleVarsInfo {
  readonly role: string
  readonly hosts: readonly string[]
  readonly vars: z.ZodObject
  readonly advise?: ((context: Advisor<never>) => readonly Advice[]) | undefined
  /** Undefined: it runs on any operating system. */
  readonly platforms?: Platforms<unknown> | undefined
}

/** The layer that a host takes a variable from; undefined: from none in the file (absent, or from `-e`). */
export function locateVar(
  raw: RawInventory,
  groupsOfHost: readonly string[],
  host: string,
  name: string,
): Path | undefined {
  const has = (vars: object | undefined): boolean => vars !== undefined && Object.hasOwn(vars, name)
  if (has(raw.hosts[host]?.vars)) return ['hosts', host, 'vars', name]
  for (const group of groupsOfHost.toReversed())
    if (has(raw.groups?.[group]?.vars)) return ['groups', group, 'vars', name]
  return has(raw.all?.vars) ? ['all', 'vars', name] : undefined
}

/**
 * Variables that are missing or wrong on the hosts a role runs on; one UnplacedProblem for all hosts that share it.
 * `!secret` values need not be resolved.
 */
export function roleVarFindings(
  raw: RawInventory,
  inventory: Inventory,
  roles: readonly RoleVarsInfo[],
): UnplacedProblem[] {
  const found = new Map<string, { finding: UnplacedProblem; hosts: string[] }>()
  for (const info of roles)
    for (const host of info.hosts)
      for (const finding of hostFindings(raw, inventory, info, host)) {
        const key = JSON.stringify([
          info.role,
          finding.message,
          finding.path.length === 2 ? '' : finding.path,
        ])
        const same = found.get(key)
        if (same !== undefined) same.hosts.push(host)
        else found.set(key, { finding, hosts: [host] })
      }
  return [...found.values()].map(({ finding, hosts }) => ({
    ...finding,
    ...(finding.key === true && { path: commonPlace(raw, inventory, hosts, finding.path) }),
    message: `${finding.message} (${list(hosts)})`,
  }))
}

function hostFindings(
  raw: RawInventory,
  inventory: Inventory,
  { role, vars }: RoleVarsInfo,
  name: string,
): UnplacedProblem[] {
  const host = inventory.hosts.get(name)
  if (host === undefined) return []
  const own = ownVars(vars, host)
  const issues = parse(vars, host)?.error?.issues ?? []
  const fromFile = (path: Path): boolean => placeOf(raw, host, String(path[0])) !== undefined
  return zodFindings(vars, own, issues, [], path => !fromFile(path)).map(finding => {
    const [variable, ...inner] = finding.path
    const missing = variable === undefined
    const place = missing
      ? ['hosts', name]
      : (placeOf(raw, host, String(variable)) ?? ['-e', String(variable)])
    return {
      ...finding,
      path: [...place, ...inner],
      message: `role ${role}: ${finding.message}`,
      hint: missing ? describe(vars, finding) : finding.hint,
    }
  })
}

/** What roles themselves have to say about their variables on the hosts they run on, each once. */
export function adviceFindings(
  raw: RawInventory,
  inventory: Inventory,
  roles: readonly RoleVarsInfo[],
): UnplacedProblem[] {
  const found = new Map<string, UnplacedProblem>()
  for (const { role, hosts, vars, advise } of roles)
    for (const name of advise ? hosts : []) {
      const host = inventory.hosts.get(name)
      const parsed = host && parse(vars, host)
      if (!host || !parsed?.success) continue
      const context = {
        vars: parsed.data as never,
        host,
        inventory,
        hosts: (pattern: string) => matchHosts(inventory, pattern),
      }
      for (const { variable, message, hint, severity = 'warning', within = [] } of advise?.(
        context,
      ) ?? [])
        found.set(`${role} ${message}`, {
          severity,
          path: [...(placeOf(raw, host, variable) ?? ['-e', variable]), ...within],
          ...(within.length === 0 && { key: true as const }),
          message: `role ${role}: ${message}`,
          hint,
        })
    }
  return [...found.values()]
}

/** Undefined if the host's value is another one than the file's: `-e` set it. */
function placeOf(raw: RawInventory, host: Host, variable: string): Path | undefined {
  const place = locateVar(raw, host.groups, host.name, variable)
  const inFile = place?.reduce<unknown>(
    (value, step) => (value as Record<string | number, unknown>)[step],
    raw,
  )
  return JSON.stringify(inFile) === JSON.stringify(host.vars[variable]) ? place : undefined
}

const ownVars = (vars: z.ZodObject, host: Host): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(vars.shape).flatMap(key => (key in host.vars ? [[key, host.vars[key]]] : [])),
  )

/** Undefined when a check wants to see a secret, which nobody has read yet. */
function parse(vars: z.ZodObject, host: Host): ReturnType<z.ZodObject['safeParse']> | undefined {
  try {
    return vars.safeParse(ownVars(vars, host))
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}

function describe(vars: z.ZodObject, { message, hint }: UnplacedProblem): string {
  const name = message.split(' ')[0] ?? ''
  const { description } = (vars.shape[name] ?? {}) as { readonly description?: string | undefined }
  return `set it under vars: of these hosts or a group of theirs; ${[hint, description].filter(Boolean).join(': ')}`
}

/** A group that is exactly these hosts is where a missing variable belongs; else the first host. */
function commonPlace(
  raw: RawInventory,
  inventory: Inventory,
  hosts: readonly string[],
  path: Path,
): Path {
  if (path[0] !== 'hosts' || path.length > 2 || hosts.length < 2) return path
  const group = [...inventory.groups].find(
    ([name, members]) =>
      raw.groups?.[name] !== undefined &&
      members.length === hosts.length &&
      hosts.every(host => members.includes(host)),
  )
  return group === undefined ? path : ['groups', group[0]]
}

/** Warnings for variables in the file that none of the roles declares. */
export function unknownVarFindings(raw: RawInventory, roles: readonly RoleVarsInfo[]): UnplacedProblem[] {
  const known = new Set(roles.flatMap(({ vars }) => Object.keys(vars.shape)))
  const layers: [Path, object | undefined][] = [
    [['all', 'vars'], raw.all?.vars],
    ...named('groups', raw.groups),
    ...named('hosts', raw.hosts),
  ]
  return layers.flatMap(([path, vars]) =>
    Object.keys(vars ?? {})
      .filter(name => !known.has(name))
      .map((name): UnplacedProblem => ({
        severity: 'warning',
        path: [...path, name],
        key: true,
        message: `no role has a variable ${name}`,
        hint: suggestion(name, known),
      })),
  )
}

const named = (
  kind: string,
  entries: Readonly<Record<string, { readonly vars?: object | undefined }>> | undefined,
): [Path, object | undefined][] =>
  Object.entries(entries ?? {}).map(([name, { vars }]) => [[kind, name, 'vars'], vars])

const list = (names: readonly string[]): string =>
  names.length <= 4
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`

/**
 * Throws one UsageError with every missing or wrong variable, and every host whose operating system a role does not know,
 * at its place in inventory.yaml.
 * Costs the YAML parser only if there is something to report.
 */
export async function requireRoleVars(
  inventory: Inventory,
  roles: readonly RoleVarsInfo[],
): Promise<void> {
  const nowhere: RawInventory = { timezone: '', domain: '', networks: {}, hosts: {} }
  const unsupported = platformFindings(inventory, roles)
  if (unsupported.length + roleVarFindings(nowhere, inventory, roles).length === 0) return
  const { readInventory } = await import('./load.ts')
  const { raw, source } = await readInventory(inventory.file)
  const findings = [...unsupported, ...roleVarFindings(raw ?? nowhere, inventory, roles)]
  throw problemsError(findings.map(finding => source.problem(finding)))
}
