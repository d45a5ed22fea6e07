import { setImmediate as turn } from 'node:timers/promises'
import { TaskError } from '../../errors.ts'
import { scopeIfAny } from '../../resources/scope.ts'
import type { Run } from '../settings.ts'
import { siteOf } from './call-site.ts'
import { FailedTask, isAbort } from './failed-task.ts'
import { NotAwaited } from './running-tasks.ts'

/** Is it a mistake in a role's code, or was a task failing because of one? */
export const isMistake = (error: unknown): boolean =>
  error instanceof NotAwaited || (error instanceof FailedTask && isMistake(error.cause))

/** The failure of a promise that a role has not awaited, with the place in the role's code. */
function unawaitedError(role: string | undefined, cause: unknown): TaskError {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const site = siteOf(error)
  const what = `${error.message}${site === undefined || error.message.includes(site) ? '' : ` (${site})`}`
  return new NotAwaited(
    `${role === undefined ? 'a role' : `the role ${role}`} did not await something that failed: ${what}`,
    {
      hint:
        ('hint' in error && typeof error.hint === 'string' ? error.hint : undefined) ??
        'put await before the call of the function that failed',
      cause,
    },
  )
}

/** The host and the role to which the code that calls it belongs, if any, and the failure in their name. For 'unhandledRejection'. */
export function failureHere(cause: unknown): {
  readonly host: string | undefined
  readonly error: TaskError
} {
  const here = scopeIfAny()
  return { host: here?.host.name, error: unawaitedError(here?.role, cause) }
}

/** Has the code of a role, in a timer or an event, thrown this? Anything else is a bug in fmc. */
export const isThrownByRole = (cause: unknown): boolean =>
  cause instanceof Error && siteOf(cause) !== undefined

/**
 * Reports promises that a role did not await and that fail, and what its timers and events throw: they neither end fmc nor go unseen. Each is a failure of the host
 * for which the role ran. `any`: was there one that belongs to no host?
 */
export function watchUnawaited({ emit, fleet, settings }: Run): {
  readonly off: () => void
  readonly any: () => boolean
  /** Resolves when the rejections of the passes so far have been reported. */
  readonly settled: () => Promise<void>
} {
  let any = false
  const on = (cause: unknown): void => {
    // A task's failure has been reported already, and an interruption is no failure.
    if (isAbort(cause) || (cause instanceof FailedTask && !isMistake(cause))) return
    fleet.noteMistake()
    const { host: name = '', error } = failureHere(cause)
    const host = settings.inventory.hosts.get(name)
    if (host) {
      if (!fleet.isDropped(host)) fleet.fail(host, error)
      return
    }
    any = true
    emit({ type: 'note', level: 'warning', text: `${error.message}: ${error.hint}` })
  }
  const onThrown = (cause: unknown): void => {
    if (isThrownByRole(cause)) on(cause)
    else if (process.listenerCount('uncaughtException') === 1) throw cause
  }
  process.on('unhandledRejection', on)
  process.on('uncaughtException', onThrown)
  return {
    off: () => {
      process.off('unhandledRejection', on)
      process.off('uncaughtException', onThrown)
    },
    any: () => any,
    settled: async () => {
      await turn()
      await turn()
    },
  }
}
