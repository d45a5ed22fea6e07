import { nearest } from '../text/nearest.ts'
import type { Problem } from './problem.ts'
import type { RawInventory, RawValue } from './raw.ts'
import { SecretRef } from './secret-ref.ts'

/** Every `!secret` of an inventory, in the order of the file. */
export function secretReferences(raw: RawInventory): SecretRef[] {
  const found: SecretRef[] = []
  const visit = (value: RawValue | object | undefined): void => {
    if (value instanceof SecretRef) found.push(value)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit)
  }
  visit(raw)
  return found
}

/** Errors for names that the secrets file does not have. */
export const secretProblems = (
  uses: readonly SecretRef[],
  known: ReadonlySet<string>,
  secretsFile: string,
): Problem[] =>
  uses
    .filter(({ name }) => !known.has(name))
    .map(({ name, file, line, column }) => {
      const near = nearest(name, known)
      return {
        severity: 'error',
        rule: 'secret',
        file,
        line,
        column,
        message: `${secretsFile} has no secret ${name}`,
        hint: `${near === undefined ? '' : `did you mean ${near}? else: `}fmc secrets set ${name}`,
      }
    })
