import type { PlanInput } from './format.ts'

const keyOf = ({ kind, name }: PlanInput): string => `${kind}\0${name}`

/**
 * What a plan was made from and has changed since, one sentence each, in the order of the plan.
 *
 *     moved([{ kind: 'file', name: 'roles/a/index.ts', digest: 'x' }], [])  // ['roles/a/index.ts is gone']
 */
export function moved(then: readonly PlanInput[], now: readonly PlanInput[]): string[] {
  const present = new Map(now.map(input => [keyOf(input), input]))
  const past = new Set(then.map(keyOf))
  return [
    ...then.flatMap(input => {
      const found = present.get(keyOf(input))
      if (found === undefined) return [`${subject(input)} is gone`]
      return found.digest === input.digest ? [] : [`${subject(input)} has changed`]
    }),
    ...now.filter(input => !past.has(keyOf(input))).map(input => `${subject(input)} is new`),
  ]
}

function subject({ kind, name }: PlanInput): string {
  if (kind === 'file') return name
  if (kind === 'fmc') return `fmc's own code (${name})`
  if (kind === 'inventory') return `${name} in the inventory`
  if (kind === 'host') return `the host ${name} in the inventory`
  if (kind === 'secret') return `the secret ${name}`
  const [host = '', variable = ''] = name.split(' ')
  return `the variable ${variable} of ${host}`
}
