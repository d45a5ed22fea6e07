import { setMaxListeners } from 'node:events'
import { PASSED_ON } from '../lab/index.ts'
import { printError } from './print.ts'

export interface Signals {
  /** Aborted by the first Ctrl-C: finish the running tasks, then stop. */
  readonly stop: AbortSignal
  /** Aborted by the second Ctrl-C: end the remote processes too. */
  readonly kill: AbortSignal
  /** Aborted by SIGTERM, after `stop`: also do not wait for code that runs nothing on any host. */
  readonly term: AbortSignal
  /** Stops listening. */
  readonly off: () => void
}

/** Listens for SIGINT, SIGTERM and what the process outside a lab passes on of them. `say` shows people what happens now. */
export function listenForSignals(
  hint = 'stopping after the running tasks; press Ctrl-C again to end them',
  say: (text: string) => void = text => printError(`\n${text}`),
): Signals {
  const stop = new AbortController()
  const kill = new AbortController()
  const term = new AbortController()
  // Every host of a run listens; Node.js would print a warning after ten.
  setMaxListeners(0, stop.signal, kill.signal, term.signal)
  let own = 0
  let passedOn = 0
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGTERM') {
      if (!stop.signal.aborted) say('stopping after what runs on the hosts (SIGTERM)')
      stop.abort()
      term.abort()
      return
    }
    if (signal === PASSED_ON) passedOn++
    else own++
    // One Ctrl-C may arrive both ways: it counts once.
    if (Math.max(own, passedOn) > 1) {
      if (!kill.signal.aborted) say('ending the running tasks')
      kill.abort()
    } else if (!stop.signal.aborted) {
      say(hint)
      stop.abort()
    }
  }
  const signals = ['SIGINT', 'SIGTERM', PASSED_ON] as const
  for (const signal of signals) process.on(signal, onSignal)
  return {
    stop: stop.signal,
    kill: kill.signal,
    term: term.signal,
    off: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

/** What the user's next Ctrl-C aborts. */
export const nextStop = ({ stop, kill }: Pick<Signals, 'stop' | 'kill'>): AbortSignal =>
  stop.aborted ? kill : stop
