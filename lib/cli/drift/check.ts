import type { Event, RecapEvent } from '../../engine/events.ts'
import { run } from '../../engine/run.ts'
import { EXIT } from '../../errors.ts'
import { redactor } from '../../secrets/redact.ts'
import type { KeptSessions } from '../../ssh/kept.ts'
import { eventWithOwnFlags } from '../own-flags.ts'
import { commonSettings, type Ready } from '../prepare.ts'
import type { Signals } from '../signals.ts'
import { foundIn, hasDrift, type Found } from './found.ts'
import type { Compared } from './since.ts'
import { readSuspects, type Suspects } from './suspects.ts'
import { suspectsScript } from './suspects-script.ts'

/** The result of one check. */
export interface Checked {
  readonly found: Found
  readonly events: readonly Event[]
  /** Milliseconds. */
  readonly ms: number
  readonly exitCode: number
}

/**
 * Plans the playbook once, over the sessions that are open already; it changes nothing. `each` gets every event as it comes.
 * After `limitMs` a host without an answer is unknown.
 */
export async function check(
  ready: Ready,
  kept: KeptSessions,
  signals: Pick<Signals, 'stop' | 'kill' | 'term'>,
  { limitMs, each = () => undefined }: { limitMs?: number; each?: (event: Event) => void } = {},
): Promise<Checked> {
  const { options, command } = ready.chosen
  const start = performance.now()
  const events: Event[] = []
  const ended = forwarded(signals)
  const once = (): Promise<number> =>
    run({
      ...commonSettings(ready),
      openSession: kept.open,
      begun: Date.now(),
      pendingIsError: true,
      ...ended.signals,
      emit: event => {
        const own = eventWithOwnFlags(event, options, command)
        if (own.type !== 'working') events.push(own)
        each(own)
      },
    })
  try {
    const code = await (limitMs === undefined ? once() : kept.within(limitMs, once))
    const found = foundIn(events)
    return { found, events, ms: performance.now() - start, exitCode: exitCodeOf(code, found) }
  } finally {
    ended.off()
  }
}

/** As `fmc play --dry-run --exit-code`, and 3 also for what fmc would leave alone. */
const exitCodeOf = (code: number, found: Found): number =>
  code === EXIT.ok && found.hosts.some(hasDrift) ? EXIT.pending : code

/** Signals of this check alone: what listens to them goes with them. */
function forwarded({ stop, kill, term }: Pick<Signals, 'stop' | 'kill' | 'term'>): {
  readonly signals: Pick<Signals, 'stop' | 'kill' | 'term'>
  readonly off: () => void
} {
  const pairs = [stop, kill, term].map(from => {
    const to = new AbortController()
    const pass = (): void => to.abort()
    if (from.aborted) pass()
    else from.addEventListener('abort', pass, { once: true })
    return { signal: to.signal, off: () => from.removeEventListener('abort', pass) }
  })
  const [s, k, t] = pairs as [(typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0]]
  return {
    signals: { stop: s.signal, kill: k.signal, term: t.signal },
    off: () => pairs.forEach(p => p.off()),
  }
}

/** How long a host may take to say what happened there. */
const ASK_MS = 60_000
const ASK_BYTES = 512 * 1024

/** A host whose records say nothing, and why. */
export type Silent = { readonly host: string; readonly why: string }

/**
 * Asks the hosts of these differences, one round trip each, what happened there since the differences were known not to be there.
 * Never throws for a host.
 */
export async function askSuspects(
  ready: Ready,
  kept: KeptSessions,
  differences: readonly Compared[],
): Promise<(Suspects | Silent)[]> {
  const { context } = ready.chosen
  const hide = redactor(context.secrets)
  const at = (d: Compared): string => d.drift.on ?? d.host
  return Promise.all(
    [...new Set(differences.map(at))].map(async (name): Promise<Suspects | Silent> => {
      const own = differences.filter(d => at(d) === name)
      const host = ready.inventory.hosts.get(name)
      if (!host) return { host: name, why: 'the inventory has no such host' }
      try {
        const times = own.flatMap(d => (d.since ? [Date.parse(d.since.at)] : []))
        const question = {
          paths: [...new Set(own.flatMap(d => d.drift.paths))],
          units: [...new Set(own.flatMap(d => d.drift.units))],
          since:
            times.length < own.length ? undefined : Math.floor(Math.min(...times) / 1000) - SLACK_S,
        }
        const { session } = await kept.open(context.targetOf(host))
        try {
          const { stdout } = await session.run(suspectsScript(question), {
            ...{ timeoutMs: ASK_MS, maxBytes: ASK_BYTES, marked: true },
          })
          const answer = readSuspects(name, question, stdout, session.word, Date.now())
          return {
            ...answer,
            happened: answer.happened.map(h => ({ ...h, text: hide(h.text) })),
          }
        } finally {
          session.close()
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        return { host: name, why: hide(why) }
      }
    }),
  )
}

/** The clocks of two machines differ a little. */
const SLACK_S = 60

/** Of these events. */
export const recapOf = (events: readonly Event[]): RecapEvent | undefined =>
  events.findLast((e): e is RecapEvent => e.type === 'recap')
