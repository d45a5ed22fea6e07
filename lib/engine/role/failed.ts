import { FmcError, UnreachableError } from '../../errors.ts'

/** A task's error with the task's name; the engine shows it under that task. */
export class Failed extends FmcError {
  override name = 'Failed'
  override readonly cause: FmcError
  constructor(task: string, cause: FmcError) {
    super(`${task}: ${cause.message}`, { hint: cause.hint, exitCode: cause.exitCode })
    this.cause = cause
  }
}

/** Was it the host that could not be reached, whatever the error is wrapped in? */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof UnreachableError || (error instanceof Failed && isUnreachable(error.cause))

/** Was the run interrupted? */
export const isAbort = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AbortError' || (error.cause !== undefined && isAbort(error.cause)))
