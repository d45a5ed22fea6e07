/** Exit codes of the command line (README, "Exit codes"). */
export const EXIT = {
  ok: 0,
  usage: 1,
  failed: 2,
  pending: 3,
  unreachable: 4,
  interrupted: 130,
} as const

/** An expected error: it is printed as its message alone, never with a stack. */
export class FmcError extends Error {
  override name = 'FmcError'
  /** What the user can do about it; printed on a line of its own. */
  readonly hint: string | undefined
  readonly exitCode: number
  constructor(
    message: string,
    options: { hint?: string | undefined; cause?: unknown; exitCode?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint
    this.exitCode = options.exitCode ?? EXIT.usage
  }
}

/** A wrong command line, inventory, variable or secrets file. Exit code 1. */
export class UsageError extends FmcError {
  override name = 'UsageError'
}

/** The host could not be reached, refused us, or stopped answering. Exit code 4. */
export class UnreachableError extends FmcError {
  override name = 'UnreachableError'
  /** Nobody answered at its address: there may be no such machine (yet). */
  readonly silent: boolean
  constructor(
    message: string,
    options: { hint?: string | undefined; cause?: unknown; silent?: boolean } = {},
  ) {
    super(message, { ...options, exitCode: EXIT.unreachable })
    this.silent = options.silent ?? false
  }
}

/** A task failed on a host. Exit code 2. `output` is what the failing command printed. */
export class TaskError extends FmcError {
  override name = 'TaskError'
  readonly command: string | undefined
  readonly output: string | undefined
  constructor(
    message: string,
    options: {
      hint?: string | undefined
      cause?: unknown
      command?: string | undefined
      output?: string | undefined
    } = {},
  ) {
    super(message, { ...options, exitCode: EXIT.failed })
    this.command = options.command
    this.output = options.output
  }
}
