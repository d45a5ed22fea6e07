import { Suggestions } from './suggestions.ts'
import type { Path, UnplacedProblem } from './problem.ts'
import type { RawInventory } from './raw.ts'
import type { RoleVarsInfo } from './role-vars.ts'

/** Warnings for variables in the file that no role declares. */
export function unknownVarProblems(
  raw: RawInventory,
  roles: readonly RoleVarsInfo[],
): UnplacedProblem[] {
  const known = new Suggestions(
    Object.assign({}, ...roles.map(({ vars }) => vars.shape)) as Readonly<Record<string, unknown>>,
    'nothing reads it: remove it, or declare it in vars of a role of yours (fmc doc ROLE shows the variables of a role)',
  )
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
        hint: known.for(name),
      })),
  )
}

const named = (
  kind: string,
  entries: Readonly<Record<string, { readonly vars?: object | undefined }>> | undefined,
): [Path, object | undefined][] =>
  Object.entries(entries ?? {}).map(([name, { vars }]) => [[kind, name, 'vars'], vars])
