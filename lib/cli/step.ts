import { EXIT, FmcError, UsageError } from '../errors.ts'
import type { RunOptions } from './options.ts'
import { askLine } from './print.ts'

/** Throws UsageError when --step cannot ask, or has nothing to ask about. */
export function demandTerminal({ step, listTasks }: RunOptions, dryRun: boolean): void {
  if (!step) return
  if (dryRun || listTasks)
    throw new UsageError('--step asks before changes, and a dry run makes none', {
      hint: 'leave out one of the two',
    })
  if (!process.stdin.isTTY)
    throw new UsageError('--step needs a terminal to ask on', {
      hint: 'leave it out, and choose hosts with --limit',
    })
}

/**
 * What --step asks before a play's changes are applied to a host: y, n, or c for yes and all that follow. Plays that run
 * together ask one after another. Ctrl-C counts as the run's own.
 */
export function stepper(stop: AbortSignal): (play: string, host: string) => Promise<boolean> {
  let all = false
  const ask = async (play: string, host: string): Promise<boolean> => {
    while (!all && !stop.aborted) {
      const answer = await askLine(
        `${play}: change ${host}? [y]es, [n]o, [c]ontinue without asking:`,
        { signal: stop },
      )
      const first = answer.trim().toLowerCase()
      if (first === '' || ['n', 'no'].includes(first)) return false
      if (['c', 'continue'].includes(first)) all = true
      else if (['y', 'yes'].includes(first)) return true
    }
    return all && !stop.aborted
  }
  let turn: Promise<unknown> = Promise.resolve()
  return (play, host) => {
    const answer = turn
      .then(() => ask(play, host))
      .catch((error: unknown) => {
        if (!(error instanceof FmcError) || error.exitCode !== EXIT.interrupted) throw error
        // The run's own listener (signals.ts) decides what Ctrl-C does.
        if (!stop.aborted) process.emit('SIGINT', 'SIGINT')
        return false
      })
    turn = answer
    return answer
  }
}
