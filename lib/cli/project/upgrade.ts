import { suggestion } from '../../text/nearest.ts'

/** What one version of fmc offers to a project. */
export interface Offer {
  readonly version: string
  /** Of fmc's own roles, by name. */
  readonly variables: Readonly<Record<string, Variable>>
  /** Version by name of the download. */
  readonly artifacts: Readonly<Record<string, string | undefined>>
  /** `playbook site`, `role nfs`. */
  readonly parts: readonly string[]
  /** What `fmc lint` says of the project, a line each. */
  readonly problems: readonly string[]
  /** Why a role or playbook of the project cannot be loaded; undefined: all can. */
  readonly broken?: string | undefined
}

export interface Variable {
  /** Such as `role nfs`. */
  readonly title?: string
  readonly default?: unknown
  readonly description?: string
  readonly [keyword: string]: unknown
}

/** One difference between two versions. */
export interface Difference {
  /** breaks: the project does not work with the newer one as it is. matters: it uses what changed. other: the rest. */
  readonly level: 'breaks' | 'matters' | 'other'
  readonly subject: 'code' | 'lint' | 'playbook' | 'role' | 'variable' | 'artifact'
  readonly text: string
}

/** What changes for a project whose inventory sets the variables `used` (name to place in the file). Pure. */
export function differences(
  now: Offer,
  next: Offer,
  used: ReadonlyMap<string, string>,
): Difference[] {
  const found: Difference[] = []
  if (next.broken !== undefined && next.broken !== now.broken)
    found.push({ level: 'breaks', subject: 'code', text: next.broken })
  for (const problem of next.problems.filter(p => !now.problems.includes(p)))
    found.push({
      level: / error: /.test(problem) ? 'breaks' : 'matters',
      subject: 'lint',
      text: problem,
    })
  const part = (which: string, what: string): Difference => ({
    level: 'other',
    subject: which.startsWith('role ') ? 'role' : 'playbook',
    text: `${which}: ${what}`,
  })
  for (const gone of now.parts.filter(p => !next.parts.includes(p)))
    found.push(part(gone, 'removed'))
  for (const fresh of next.parts.filter(p => !now.parts.includes(p))) found.push(part(fresh, 'new'))
  found.push(...variables(now.variables, next.variables, used), ...artifacts(now, next))
  const order = ['breaks', 'matters', 'other']
  return found.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
}

function variables(
  now: Offer['variables'],
  next: Offer['variables'],
  used: ReadonlyMap<string, string>,
): Difference[] {
  const one = (name: string, what: string, matters: boolean): Difference => ({
    level: matters ? 'matters' : 'other',
    subject: 'variable',
    text: `${name}${used.has(name) ? ` (${used.get(name) ?? ''})` : ''}: ${what}`,
  })
  const isSet = (name: string): boolean => used.has(name)
  const added = Object.keys(next).filter(name => !(name in now))
  return [
    ...Object.keys(now).flatMap(name => {
      const [before, after] = [now[name] ?? {}, next[name]]
      if (after === undefined) {
        const hint = suggestion(name, added)
        return [
          one(
            name,
            `removed from ${before.title ?? 'its role'}${hint === undefined ? '' : `; ${hint}`}`,
            isSet(name),
          ),
        ]
      }
      const [old, fresh] = [shown(before.default), shown(after.default)]
      // A default matters where the inventory does not set the variable.
      if (old !== fresh) return [one(name, `default ${old} → ${fresh}`, !isSet(name))]
      return shape(before) === shape(after)
        ? []
        : [one(name, 'takes other values than before', isSet(name))]
    }),
    ...added.map(name => one(name, `new in ${next[name]?.title ?? 'a role'}`, isSet(name))),
  ]
}

const shown = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value))

/** What a variable may be, without the words that explain it. */
const shape = (variable: Variable): string =>
  JSON.stringify(variable, (key, value: unknown) =>
    key === 'description' || key === 'title' ? undefined : value,
  )

const artifacts = (now: Offer, next: Offer): Difference[] =>
  [...new Set([...Object.keys(now.artifacts), ...Object.keys(next.artifacts)])]
    .filter(name => now.artifacts[name] !== next.artifacts[name])
    .map(name => ({
      level: 'other' as const,
      subject: 'artifact' as const,
      text: `${name}: ${now.artifacts[name] ?? 'none'} → ${next.artifacts[name] ?? 'none'}`,
    }))
