import { Option } from 'commander'
import type { Role } from '../../engine/define/role.ts'
import { EXIT, UsageError } from '../../errors.ts'
import type { Origin } from '../../inventory/origins.ts'
import { formatPlace } from '../../inventory/problem.ts'
import type { Inventory } from '../../inventory/types.ts'
import { isSecretive, withoutSecrets } from '../../secrets/secretive.ts'
import { Secret } from '../../secrets/secret.ts'
import { suggestion } from '../../text/nearest.ts'
import { cleanLine } from '../../text/sanitise.ts'
import { jsonLines } from '../json-lines.ts'
import { extraVarsOption, inventoryOption } from '../options.ts'
import type { AddCommand, InventoryOptions } from '../options.ts'
import { print } from '../print.ts'

interface Options extends InventoryOptions {
  readonly output: 'text' | 'json'
}

/** One variable of one host. */
interface Variable {
  readonly host: string
  readonly name: string
  /** Without the text of secrets. */
  readonly value: unknown
  /** Where it comes from; undefined: the default of `roles`. */
  readonly from: Omit<Origin, 'value'> | undefined
  /** The values that it replaces, the weakest first. */
  readonly overrides: readonly Origin[]
  /** The roles that read it. */
  readonly roles: readonly string[]
}

/** `fmc vars PATTERN [NAME]`: every variable of hosts, where its value comes from, and what it replaced. No host is contacted. */
export const vars: AddCommand = (program, run) => {
  program
    .command('vars <pattern> [name]')
    .description('variables of hosts, with the line that each comes from and what it overrode')
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .addOption(
      new Option('--output <format>', 'text, or json (NDJSON)')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--lab', 'accepted as in other commands; the lab has the same inventory')
    .addHelpText(
      'after',
      `
From weak to strong: the role's default, all, groups (parents first), the host,
-e. Secrets are shown by their names.

Examples:
  fmc vars worker1
  fmc vars k3s_servers k3s_version`,
    )
    .action((pattern: string, name: string | undefined, o: Options) =>
      run(printVars(pattern, name, o)),
    )
}

async function printVars(pattern: string, name: string | undefined, o: Options): Promise<number> {
  const found = await variablesOf(pattern, name, o)
  if (o.output === 'json') jsonLines(found.map(variable => ({ type: 'variable', ...variable })))
  else print(varsText(found))
  return EXIT.ok
}

async function variablesOf(
  pattern: string,
  name: string | undefined,
  o: Options,
): Promise<Variable[]> {
  const [{ openContext }, { readInventory }, { matchHosts }, { originsOf }] = await Promise.all([
    import('../context.ts'),
    import('../../inventory/load.ts'),
    import('../../inventory/patterns.ts'),
    import('../../inventory/origins.ts'),
  ])
  const { inventory, extraVars } = await openContext(o, undefined)
  const { raw, source } = await readInventory(o.inventory)
  if (raw === undefined) throw new UsageError(`${o.inventory} has errors`, { hint: 'fmc lint' })
  const { roles, runs } = await rolesOn(o.inventory, inventory)
  const found = matchHosts(inventory, pattern).flatMap(host => {
    const origins = originsOf(raw, source, o.inventory, host, extraVars)
    const own = roles.filter(role => runs.get(role.name)?.has(host.name))
    const names = new Set([...origins.keys(), ...own.flatMap(role => Object.keys(role.vars.shape))])
    return [...names].sort().flatMap((each): Variable[] => {
      const readers = roles.filter(role => Object.hasOwn(role.vars.shape, each))
      const [last, ...before] = [...(origins.get(each) ?? [])].reverse()
      const read = readers.filter(role => own.includes(role))
      const value = last ? last.value : defaultOf(read[0], each)
      // A variable that is not set and has no default: the role does without it.
      if (!last && value === undefined) return []
      return [
        {
          ...{ host: host.name, name: each, value: hidden(each, value) },
          from: last && withoutValue(last),
          overrides: before
            .map(origin => ({ ...origin, value: hidden(each, origin.value) }))
            .reverse(),
          roles: read.map(role => role.name),
        },
      ]
    })
  })
  if (name === undefined) return found
  const named = found.filter(variable => variable.name === name)
  if (named.length > 0) return named
  const declared = roles.filter(role => Object.hasOwn(role.vars.shape, name))
  if (declared.length > 0)
    throw new UsageError(`${name} is not set on ${pattern}, and has no default there`, {
      hint: `fmc doc ${declared[0]?.name ?? ''}`,
    })
  const known = new Set([
    ...found.map(variable => variable.name),
    ...roles.flatMap(role => Object.keys(role.vars.shape)),
  ])
  throw new UsageError(`there is no variable ${name}`, { hint: suggestion(name, known) })
}

const withoutValue = ({ layer, file, line, column }: Origin): Omit<Origin, 'value'> => ({
  layer,
  file,
  line,
  column,
})

/** All roles, and the hosts on which the project's playbooks run them. */
async function rolesOn(
  file: string,
  inventory: Inventory,
): Promise<{ roles: readonly Role[]; runs: ReadonlyMap<string, ReadonlySet<string>> }> {
  const [{ loadProject }, { projectChecks }] = await Promise.all([
    import('../lint/project.ts'),
    import('../lint/checks.ts'),
  ])
  const project = await loadProject(file)
  const runs = new Map<string, Set<string>>()
  for (const { role, hosts } of projectChecks(file, project).roles(inventory))
    runs.set(role, new Set([...(runs.get(role) ?? []), ...hosts]))
  const played = project.playbooks.flatMap(({ book }) => book.stages.flat().flatMap(p => p.roles))
  const roles = new Map([...project.roles, ...played].map(role => [role.name, role]))
  return { roles: [...roles.values()], runs }
}

const defaultOf = (role: Role | undefined, name: string): unknown => {
  const schema = role?.vars.shape[name] as
    | { safeParse: (value: unknown) => { readonly success: boolean; readonly data?: unknown } }
    | undefined
  const parsed = schema?.safeParse(undefined)
  return parsed?.success === true ? parsed.data : undefined
}

/** The value with `!secret NAME` for secrets, and ‹hidden› for a text under a name that sounds like one. */
function hidden(name: string, value: unknown): unknown {
  const visit = (inner: unknown, path: readonly (string | number)[]): unknown => {
    if (inner instanceof Secret) return `!secret ${inner.name}`
    if (Array.isArray(inner)) return inner.map((item: unknown, i) => visit(item, [...path, i]))
    if (typeof inner === 'object' && inner !== null)
      return Object.fromEntries(
        Object.entries(inner).map(([key, item]) => [key, visit(item, [...path, key])]),
      )
    if (typeof inner !== 'string') return inner
    return isSecretive(path) ? '‹hidden›' : (withoutSecrets(inner) ?? '‹hidden›')
  }
  return visit(value, [name])
}

/** One block per host: `name = value`, where it comes from, and below that what it replaced. Ends without a newline. */
export function varsText(variables: readonly Variable[]): string {
  const hosts = [...new Set(variables.map(variable => variable.host))]
  if (hosts.length === 0) return 'no host matches'
  return hosts
    .map(host =>
      [
        host,
        ...variables
          .filter(variable => variable.host === host)
          .flatMap(variable => [
            `  ${variable.name} = ${shown(variable.value)}`,
            `      ${variable.from ? originText(variable.from) : `default of the role ${variable.roles[0] ?? ''}`}`,
            ...variable.overrides.map(
              origin => `      overrides ${shown(origin.value)} of ${originText(origin)}`,
            ),
          ]),
      ].join('\n'),
    )
    .join('\n\n')
}

const originText = (origin: Omit<Origin, 'value'>): string =>
  origin.file === '-e' ? '-e on the command line' : `${formatPlace(origin)} (${origin.layer})`

const shown = (value: unknown): string =>
  cleanLine(
    typeof value === 'string' && /^[\w!][\w .:/+-]*$/.test(value) ? value : JSON.stringify(value),
  )
