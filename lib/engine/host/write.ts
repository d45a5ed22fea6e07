import { TaskError } from '../../errors.ts'
import type { PlannedChange } from '../../resources/scope.ts'
import { reveal, type Secret } from '../../secrets/secret.ts'
import { quote } from '../../shell/quote.ts'
import type { Connection } from './connection.ts'
import { commandError } from './cause.ts'
import { bytesSaid } from '../../resources/bytes.ts'
import { endOf, KEPT_BYTES } from './output.ts'

/** Of a change that names none. */
const DEFAULT_TIMEOUT_MS = 600_000

/**
 * Makes a task's changes in one script: what each prepares, then `ahead`, then what each does. The script runs without
 * the lock's descriptor. `say` gets how far it is, and the last line that it prints. `eval` keeps a syntax error in a role's text inside that text. Resolves with the end of stderr. Throws TaskError, UnreachableError.
 */
export async function write(
  connection: Connection,
  changes: readonly PlannedChange[],
  ahead: string,
  secrets: readonly Secret[],
  say: (text: string) => void = () => undefined,
): Promise<string> {
  for (const { upload } of changes)
    if (upload) await connection.session.upload(upload.from, upload.to, bytesSaid('uploading', say))
  const parts = [
    ...changes.map(c => reveal(c.prepare ?? '')),
    ahead,
    ...changes.map(c => reveal(c.script ?? '')),
  ]
  const script = `set -e\n${parts.filter(p => p !== '').join('\n')}`
  const timeoutMs = Math.max(...changes.map(c => c.timeoutMs ?? DEFAULT_TIMEOUT_MS))
  const unlocked = `( exec 9>&-; eval ${quote(script)} )`
  const result = await (
    changes.some(c => c.reboots)
      ? connection.reboot(unlocked, timeoutMs)
      : connection.session.run(unlocked, { timeoutMs, lastBytes: KEPT_BYTES, onLine: say })
  ).catch((error: unknown) => {
    if (!(error instanceof TaskError)) throw error
    // Without its `command`: a secret cut off at the end of the shortened script would no longer match.
    throw new TaskError(error.message, {
      output: endOf(error.output ?? '', secrets),
      hint: error.hint,
    })
  })
  if (result.code !== 0) throw commandError(result, secrets)
  return endOf(result.stderr, secrets)
}
