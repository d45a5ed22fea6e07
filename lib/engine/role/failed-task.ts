import { FmcError, UnreachableError } from '../../errors.ts'

/** A task's error with the task's name in its message; the engine shows it under that task. */
export class FailedTask extends FmcError {
  override name = 'FailedTask'
  override readonly cause: FmcError
  constructor(task: string, cause: FmcError) {
    super(`${task}: ${cause.message}`, { hint: cause.hint, exitCode: cause.exitCode })
    this.cause = cause
  }
}

/** The error of a task, from whatever its body has thrown. An unexpected error stays as it is, with its stack. */
export const taskFailure = (task: string, cause: unknown): Error =>
  cause instanceof FmcError
    ? new FailedTask(task, cause)
    : cause instanceof Error
      ? cause
      : new Error(String(cause))

/** Does the error, or the one that it wraps, say that the host could not be reached? */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof UnreachableError || (error instanceof FailedTask && isUnreachable(error.cause))

/** Was the run interrupted? */
export const isAbort = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AbortError' || (error.cause !== undefined && isAbort(error.cause)))
