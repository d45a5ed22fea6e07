import { failureHere, isThrownByRole } from '../engine/role/unawaited.ts'
import { EXIT } from '../errors.ts'
import { printError } from './print.ts'

/** Watches for what roles have started, not awaited, and fails after their run has ended. */
export interface Late {
  /** The run has ended with this code. The code of the process, now; a later failure changes it. */
  ended(code: number): number
}

/** Without it such a failure would end fmc with a stack trace and exit code 1. */
export function watchLate(): Late {
  let over = false
  let any = false
  const on = (cause: unknown): void => {
    if (!over) return
    const { host, error } = failureHere(cause)
    printError(
      `fmc: ${host === undefined ? '' : `${host}: `}${error.message}\n  ${error.hint ?? ''}`,
    )
    any = true
    process.exitCode = EXIT.failed
  }
  process.on('unhandledRejection', on)
  process.on('uncaughtException', error => {
    if (isThrownByRole(error)) {
      on(error)
      return
    }
    printError(`fmc: this is a bug in fmc\n${error.stack ?? error.message}`)
    process.exit(EXIT.failed)
  })
  return {
    ended(code) {
      over = true
      return any && code === EXIT.ok ? EXIT.failed : code
    },
  }
}
