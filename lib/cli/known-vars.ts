import type { Playbook } from '../engine/define/playbook.ts'
import type { ExtraVar } from '../inventory/extra-vars.ts'
import { UsageError } from '../errors.ts'
import { suggestion } from '../text/nearest.ts'

/** A role, as far as its variables' names matter. */
interface HasVars {
  readonly name: string
  readonly vars: { readonly shape: object }
}

/**
 * Throws UsageError for variables of `-e` that no role of the playbook has, with the nearest name. A file of `-e @FILE` may
 * also have variables of the project's other roles (`others`, asked for only then): one file often serves several playbooks.
 */
export async function demandKnownVars(
  book: Playbook,
  extra: ReadonlyMap<string, ExtraVar>,
  others: () => Promise<readonly HasVars[]>,
): Promise<void> {
  const known = namesOf(book.stages.flat().flatMap(play => play.roles))
  if (book.confirm) known.add('confirm')
  const unknown = [...extra].filter(([name]) => !known.has(name))
  if (unknown.length === 0) return
  const all = await others()
  const elsewhere = namesOf(all)
  const problems = unknown.flatMap(([name, { at }]) => {
    if (at !== undefined && (elsewhere.has(name) || name === 'confirm')) return []
    const owner = all.find(role => Object.hasOwn(role.vars.shape, name))
    const candidates = at === undefined ? known : [...known, ...elsewhere]
    const [where, what] =
      at === undefined ? ['-e', `no role of ${book.name}`] : [at, 'no role of this project']
    return [
      {
        message: `${where}: ${what} has a variable ${name}`,
        hint: owner ? `it belongs to the role ${owner.name}` : suggestion(name, candidates),
      },
    ]
  })
  if (problems.length === 0) return
  const hints = [...new Set(problems.map(p => p.hint))]
  if (hints.length === 1)
    throw new UsageError(problems.map(p => p.message).join('\n'), { hint: hints[0] })
  throw new UsageError(
    problems.map(p => [p.message, ...(p.hint ? [`  ${p.hint}`] : [])].join('\n')).join('\n'),
  )
}

const namesOf = (roles: readonly HasVars[]): Set<string> =>
  new Set(roles.flatMap(role => Object.keys(role.vars.shape)))
