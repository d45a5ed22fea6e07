import type { ExtraVar } from './extra-vars.ts'
import type { Path, Position } from './problem.ts'
import type { RawInventory, RawValue } from './raw.ts'
import type { Source } from './source.ts'
import type { Host } from './types.ts'

/** A value of a variable, and where it is set. */
export interface Origin extends Position {
  readonly value: unknown
  /** `all`, `group web`, `host web1` or `-e`. */
  readonly layer: string
  /** The inventory. Of `-e`: the place in a file of `-e @FILE`, else `-e`; the line is 0. */
  readonly file: string
}

/** All values that a host's variables have in the inventory and in `-e`: by name, the one that counts last. */
export function originsOf(
  raw: RawInventory,
  source: Pick<Source, 'at'>,
  file: string,
  host: Host,
  extraVars: ReadonlyMap<string, ExtraVar> = new Map(),
): Map<string, readonly Origin[]> {
  const found = new Map<string, Origin[]>()
  const add = (name: string, origin: Origin): void => {
    const before = found.get(name)
    if (before === undefined) found.set(name, [origin])
    else before.push(origin)
  }
  const layers: [
    layer: string,
    place: Path,
    vars: Readonly<Record<string, RawValue>> | undefined,
  ][] = [
    ...host.groups.map((group): (typeof layers)[number] =>
      group === 'all'
        ? ['all', ['all', 'vars'], raw.all?.vars]
        : [`group ${group}`, ['groups', group, 'vars'], raw.groups?.[group]?.vars],
    ),
    [`host ${host.name}`, ['hosts', host.name, 'vars'], raw.hosts[host.name]?.vars],
  ]
  for (const [layer, place, vars] of layers)
    for (const [name, value] of Object.entries(vars ?? {}))
      add(name, { value, layer, file, ...source.at([...place, name], true) })
  for (const [name, { value, at }] of extraVars)
    add(name, { value, layer: '-e', file: at ?? '-e', line: 0, column: 0 })
  return found
}
