import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, FmcError } from '../../errors.ts'
import { redactor } from '../../secrets/redact.ts'
import { openWith } from '../../ssh/index.ts'
import { KeptSessions } from '../../ssh/kept.ts'
import { LIMITS } from '../../ssh/link.ts'
import type { DriftOptions } from '../commands/drift.ts'
import { jsonLines } from '../json-lines.ts'
import { watchLate } from '../late.ts'
import type { Ready } from '../prepare.ts'
import { canMoveCursor, print, printError, reportTarget } from '../print.ts'
import { listenForSignals, nextStop, type Signals } from '../signals.ts'
import { changesSince, type Before } from './changes.ts'
import { askSuspects, check, type Checked } from './check.ts'
import { checkLines, recapLine, suspectsLine } from './json.ts'
import { writeOutputs } from './outputs.ts'
import { recordCheck } from './record.ts'
import { baselineAfter } from './since.ts'
import { Sources } from './sources.ts'
import { tellingOf } from './telling.ts'
import { reportLines, shortTime, suspectLines } from './text.ts'

/** A cycle in which a host does not answer ends after the interval, or after this time if the interval is shorter. */
const SHORTEST_LIMIT_MS = 60_000
/** A host that stops answering in a cycle is lost after 9 s, which is less than an attempt to connect may take. */
const KEEPALIVE = { keepaliveMs: 3000, keepaliveCount: 2 }

/**
 * `fmc drift --watch`: checks again and again over the same connections, and prints what has changed. Ends with Ctrl-C or
 * SIGTERM. Resolves with the exit code.
 */
export async function driftWatch(name: string, o: DriftOptions, everyMs: number): Promise<number> {
  const sources = new Sources(name, o)
  await sources.open()
  const signals = listenForSignals('stopping after this check; press Ctrl-C again to end it')
  const kept = new KeptSessions((...args) => openWith({ ...LIMITS, ...KEEPALIVE }, ...args))
  const late = watchLate()
  const out = o.output === 'json' ? jsonLines() : undefined
  const limitMs = Math.max(SHORTEST_LIMIT_MS, everyMs)
  let before: Before | undefined
  try {
    while (!signals.stop.aborted) {
      const begin = performance.now()
      const { ready, changed, error } = await sources.current()
      if (changed.length > 0) sayReload(ready, changed, error, out)
      kept.keepOnly(new Set(ready.inventory.hosts.keys()))
      const checked = await check(ready, kept, signals, { limitMs })
      late.ended(EXIT.ok)
      if (checked.exitCode >= 128) break
      before = await tell({ ready, kept, name, o, out, checked, before, signals })
      await pause(begin + everyMs - performance.now(), signals)
    }
    return signals.term.aborted ? EXIT.terminated : EXIT.interrupted
  } finally {
    signals.off()
    kept.close()
  }
}

type Out = ((line: object) => void) | undefined

function sayReload(
  ready: Ready,
  changed: readonly string[],
  error: Error | undefined,
  out: Out,
): void {
  const hide = redactor(ready.chosen.context.secrets)
  const files = changed.join(', ')
  const why = error && hide(error.message)
  const hint =
    error instanceof FmcError && error.hint !== undefined ? `\n  ${hide(error.hint)}` : ''
  out?.({
    type: 'reload',
    at: new Date().toISOString(),
    files: changed,
    ...(why === undefined ? { hosts: ready.hosts.length } : { error: why }),
  })
  const text =
    why === undefined
      ? `${files}: changed and read again`
      : `${files}: changed, and cannot be used; the last good state stays in use: ${why}${hint}`
  if (out === undefined || why !== undefined) printError(`${shortTime(Date.now())} ${text}`)
}

/** Prints, writes and records what a check has found. Resolves with what the next one is compared with. */
async function tell(c: {
  readonly ready: Ready
  readonly kept: KeptSessions
  readonly name: string
  readonly o: DriftOptions
  readonly out: Out
  readonly checked: Checked
  readonly before: Before | undefined
  readonly signals: Signals
}): Promise<Before> {
  const { ready, name, o, out, checked, before, signals } = c
  const { found } = checked
  const at = new Date().toISOString()
  const result = { ...checked, name, at }
  if (before === undefined) {
    if (out) for (const line of checkLines(result)) out(line)
    else
      print(
        reportLines({
          ...result,
          diff: o.diff ?? false,
          columns: canMoveCursor() ? reportTarget().columns : 80,
        }).join('\n'),
      )
    await record(ready, checked, signals, true)
  } else {
    const { changes, fresh } = changesSince(before, found)
    for (const { text, ...change } of changes)
      if (out) out({ type: 'change', at, ...change, text })
      else print(`${shortTime(Date.parse(at))} ${change.host}: ${text}`)
    if (changes.length > 0) {
      out?.(recapLine(result))
      await record(ready, checked, signals, false)
    }
    if (o.since !== undefined && fresh.length > 0)
      for (const s of await askSuspects(ready, c.kept, fresh))
        if (out) out(suspectsLine(s))
        else print(suspectLines(s).slice(1).join('\n'))
  }
  try {
    writeOutputs(o, result)
  } catch (error) {
    printError(`fmc: ${error instanceof Error ? error.message : String(error)}`)
  }
  const baseline = baselineAfter(found, before?.baseline ?? new Map(), at, ready.chosen.command)
  return { found, baseline }
}

/** Records a check whose result is another one than that of the check before, and calls the hooks. */
async function record(
  ready: Ready,
  { events, exitCode }: Checked,
  signals: Signals,
  first: boolean,
): Promise<void> {
  const recorder = await recordCheck(ready, text => printError(`fmc: ${text}`))
  const telling = await tellingOf(ready, recorder.id, { starts: first })
  for (const event of events) {
    recorder.on(event)
    telling.on(event)
  }
  await telling.end(exitCode, nextStop(signals))
  recorder.end(exitCode)
}

/** Waits, or until the watch is to end. */
const pause = (ms: number, { stop }: Signals): Promise<unknown> =>
  sleep(Math.max(0, ms), undefined, { signal: stop }).catch(() => undefined)
