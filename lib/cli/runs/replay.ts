import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, UsageError } from '../../errors.ts'
import { replay } from '../../record/index.ts'
import { createReport } from '../../report/index.ts'
import { canMoveCursor, reportTarget } from '../print.ts'
import { runAt, type PlaceOptions } from './place.ts'

/** Options of `fmc runs replay`. */
export interface ReplayCommandOptions extends PlaceOptions {
  readonly speed?: string
  readonly diff?: boolean
  readonly verbose?: boolean
  readonly output?: 'tty' | 'plain' | 'json'
}

/** `fmc runs replay RUN`. Resolves with the exit code: 0 whatever the run's own was, 130 after Ctrl-C. */
export async function replayRun(word: string, o: ReplayCommandOptions): Promise<number> {
  const speed = o.speed === undefined ? undefined : speedOf(o.speed)
  const recorded = runAt(o, word)
  const report = await createReport(o.output ?? (canMoveCursor() ? 'tty' : 'plain'), {
    ...reportTarget(),
    diff: o.diff ?? false,
    verbose: o.verbose ?? false,
  })
  const interrupt = new AbortController()
  const stop = (): void => interrupt.abort()
  process.once('SIGINT', stop)
  let code: number = EXIT.ok
  try {
    await replay(recorded, {
      speed,
      on: event => report.on(event),
      wait: ms => sleep(ms, undefined, { signal: interrupt.signal }),
    })
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    code = EXIT.interrupted
  } finally {
    process.off('SIGINT', stop)
    await report.end()
  }
  return code
}

function speedOf(text: string): number {
  const speed = Number(text)
  if (/^\d{1,4}(\.\d{1,3})?$/.test(text) && speed > 0) return speed
  throw new UsageError(`--speed ${text}: expected a number above 0, such as 1, 10 or 0.5`)
}
