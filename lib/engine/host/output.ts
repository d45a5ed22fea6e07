import { redact } from '../../secrets/redact.ts'
import type { Secret } from '../../secrets/secret.ts'

/** Most bytes of a change's output that are kept: enough to redact before it is shortened. */
export const KEPT_BYTES = 1024 * 1024
/** Characters of a failed command's output that people see. */
export const SHOWN = 4000

/** The end of a command's output. Redact before truncating: a cut secret would no longer match. */
export const endOf = (output: string, secrets: readonly Secret[]): string =>
  redact(output, secrets).trim().slice(-SHOWN)
