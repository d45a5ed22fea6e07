import type { z } from 'zod'
import { UsageError } from '../errors.ts'
import { list } from '../text/words.ts'
import { matchHosts } from './patterns.ts'
import { platformProblems, type Platforms } from './platform.ts'
import { problemsError, type UnplacedProblem, type Path } from './problem.ts'
import type { RawInventory } from './raw.ts'
import type { Host, Inventory } from './types.ts'
import { zodProblems } from './zod-problems.ts'

/**
 * What a role's `advise` says about one of its variables; `fmc lint` shows it.
 *
 * @example
 * const advice: Advice = {
 *   variable: 'nfs_threads',
 *   message: 'one thread serves one client at a time',
 *   hint: 'set it to 8 or more',
 * }
 */
export interface Advice {
  /** The variable's name; undefined: the advice is about something else (`at`). */
  readonly variable?: string | undefined
  /** The place in the inventory by keys, such as `['hosts', 'web1', 'os']`, if the advice is about no variable. Default: the host. */
  readonly at?: Path | undefined
  /** Default: a warning. */
  readonly severity?: 'error' | undefined
  /** The place inside its value, by keys and indexes; default: the variable itself. */
  readonly within?: Path | undefined
  /** What is wrong. */
  readonly message: string
  /** What to do about it. */
  readonly hint?: string | undefined
}

/**
 * The argument of a role's `advise`, for one host; V is the type of the role's variables.
 *
 * @example
 * const advise = ({ vars, hosts }: Advisor<{ readonly servers: string }>): Advice[] =>
 *   hosts(vars.servers).length % 2 === 0
 *     ? [{ variable: 'servers', message: 'an even number of servers' }]
 *     : []
 */
export interface Advisor<V> {
  /** The role's variables for this host, checked and with defaults. */
  readonly vars: V
  readonly host: Host
  readonly inventory: Inventory
  /** The hosts that match a pattern. Throws UsageError as `matchHosts` does. */
  readonly hosts: (pattern: string) => readonly Host[]
  /** Why an artifact cannot be brought to a host in this version (default: the pinned one), and what to do; undefined: it can. */
  readonly unpinned: AdvisorTools['unpinned']
}

/** What lint knows and the inventory does not. */
export interface AdvisorTools {
  readonly unpinned: (
    artifact: string,
    version?: string,
  ) => { readonly message: string; readonly hint?: string | undefined } | undefined
}

/** A role with its variables and the hosts on which it will run. */
export interface RoleVarsInfo {
  readonly role: string
  /** A play of the checked playbooks has it, on these hosts or on a group without hosts. */
  readonly planned?: boolean | undefined
  /** Variables that it needs may be given with `-e` on these hosts: a missing one is only a warning. */
  readonly partial?: boolean | undefined
  readonly hosts: readonly string[]
  readonly vars: z.ZodObject
  readonly advise?: ((context: Advisor<never>) => readonly Advice[]) | undefined
  /** Undefined: it supports every operating system. */
  readonly platforms?: Platforms<unknown> | undefined
}

/** The place in the file of a host's value of a variable; undefined: it is not in the file (absent, or from `-e`). */
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
 * Missing and wrong variables on the hosts of each role; hosts with the same problem share one. `!secret` values need not be
 * resolved.
 */
export function roleVarProblems(
  raw: RawInventory,
  inventory: Inventory,
  roles: readonly RoleVarsInfo[],
): UnplacedProblem[] {
  const found = new Map<string, { finding: UnplacedProblem; hosts: string[] }>()
  for (const info of roles)
    for (const host of info.hosts)
      for (const finding of hostProblems(raw, inventory, info, host)) {
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

function hostProblems(
  raw: RawInventory,
  inventory: Inventory,
  { role, vars, partial = false }: RoleVarsInfo,
  name: string,
): UnplacedProblem[] {
  const host = inventory.hosts.get(name)
  if (host === undefined) return []
  const own = ownVars(vars, host)
  const issues = parse(vars, host)?.error?.issues ?? []
  const fromFile = (path: Path): boolean => placeOf(raw, host, String(path[0])) !== undefined
  return zodProblems(vars, own, issues, [], path => !fromFile(path)).map(finding => {
    const [variable, ...inner] = finding.path
    const missing = variable === undefined
    const place = missing
      ? ['hosts', name]
      : (placeOf(raw, host, String(variable)) ?? ['-e', String(variable)])
    return {
      ...finding,
      ...(missing && partial && { severity: 'warning' as const }),
      path: [...place, ...inner],
      message: `role ${role}: ${finding.message}`,
      hint: missing ? describe(vars, finding) : finding.hint,
    }
  })
}

/** The advice of the roles themselves about their variables, each remark once. */
export function adviceProblems(
  raw: RawInventory,
  inventory: Inventory,
  roles: readonly RoleVarsInfo[],
  tools: AdvisorTools = { unpinned: () => undefined },
): UnplacedProblem[] {
  const found = new Map<string, UnplacedProblem>()
  const matched = new Map<string, readonly Host[]>()
  const match = (pattern: string): readonly Host[] => {
    const known = matched.get(pattern) ?? matchHosts(inventory, pattern)
    matched.set(pattern, known)
    return known
  }
  for (const { role, hosts, vars, advise } of roles)
    for (const name of advise ? hosts : []) {
      const host = inventory.hosts.get(name)
      const parsed = host && parse(vars, host)
      if (!host || !parsed?.success) continue
      const context = {
        vars: parsed.data as never,
        host,
        inventory,
        hosts: match,
        unpinned: tools.unpinned,
      }
      for (const advice of advise?.(context) ?? []) {
        const { variable, at, message, hint, severity = 'warning', within = [] } = advice
        const place =
          variable === undefined
            ? (at ?? ['hosts', name])
            : (placeOf(raw, host, variable) ?? ['-e', variable])
        found.set(`${role} ${message}`, {
          severity,
          path: [...place, ...within],
          ...(within.length === 0 && at === undefined && { key: true as const }),
          message: `role ${role}: ${message}`,
          hint,
        })
      }
    }
  return [...found.values()]
}

/** The place of a host's value; undefined if it differs from the file's, because `-e` has set it. */
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

/** Undefined when a check needs the text of a secret, which is not known yet. */
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
  return `set it under vars: of these hosts or of one of their groups; ${[hint, description].filter(Boolean).join(': ')}`
}

/** The place for a missing variable: a group with exactly these hosts, else the first host. */
function commonPlace(
  raw: RawInventory,
  inventory: Inventory,
  hosts: readonly string[],
  path: Path,
): Path {
  if (path[0] !== 'hosts' || path.length > 2 || hosts.length < 2) return path
  const wanted = new Set(hosts)
  const group = [...inventory.groups].find(
    ([name, members]) =>
      raw.groups?.[name] !== undefined &&
      members.length === hosts.length &&
      members.every(host => wanted.has(host)),
  )
  return group === undefined ? path : ['groups', group[0]]
}

/**
 * Throws one UsageError with every missing or wrong variable and every host whose operating system a role does not support,
 * each with its place in inventory.yaml. It loads the YAML parser only when there is something to report.
 */
export async function requireRoleVars(
  inventory: Inventory,
  roles: readonly RoleVarsInfo[],
): Promise<void> {
  const nowhere: RawInventory = { timezone: '', domain: '', networks: {}, hosts: {} }
  const unsupported = platformProblems(inventory, roles)
  if (unsupported.length + roleVarProblems(nowhere, inventory, roles).length === 0) return
  const { readInventory } = await import('./load.ts')
  const { raw, source } = await readInventory(inventory.file)
  const findings = [...unsupported, ...roleVarProblems(raw ?? nowhere, inventory, roles)]
  throw problemsError(findings.map(finding => source.problem(finding)))
}
