/** The expected errors and the exit codes (docs/cli.md, "Exit codes"). */
export const EXIT = {
  ok: 0,
  usage: 1,
  failed: 2,
  pending: 3,
  unreachable: 4,
  interrupted: 130,
  terminated: 143,
} as const

/** An expected error: fmc prints only its message and hint, never a stack. */
export class FmcError extends Error {
  override name = 'FmcError'
  /** What the user can do about it, printed on its own line. */
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

/** fmc could not reach the host, was refused, or lost the connection. Exit code 4. */
export class UnreachableError extends FmcError {
  override name = 'UnreachableError'
  /** Nothing answered at the host's address: the machine may not exist (yet). */
  readonly silent: boolean
  constructor(
    message: string,
    options: { hint?: string | undefined; cause?: unknown; silent?: boolean } = {},
  ) {
    super(message, { ...options, exitCode: EXIT.unreachable })
    this.silent = options.silent ?? false
  }
}

/**
 * A task failed on a host (exit code 2). Roles throw it to fail with a message, best with a `hint` that says what to do. Never
 * put secrets into it.
 *
 * @example
 * const { ok, stderr } = await probe`test -e /etc/app.conf`
 * if (!ok)
 *   throw new TaskError('app is not configured', { hint: 'fmc role app', output: stderr })
 */
export class TaskError extends FmcError {
  override name = 'TaskError'
  /** The command that failed. */
  readonly command: string | undefined
  /** The output of that command. */
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
