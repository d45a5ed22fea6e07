import { EXIT } from '../../errors.ts'
import { KeptSessions } from '../../ssh/kept.ts'
import { openSession } from '../../ssh/index.ts'
import type { DriftOptions } from '../commands/drift.ts'
import { jsonLines } from '../json-lines.ts'
import { watchLate } from '../late.ts'
import { makeReady, type Chosen } from '../prepare.ts'
import { canMoveCursor, print, printError, reportTarget } from '../print.ts'
import { listenForSignals, nextStop } from '../signals.ts'
import { askSuspects, check, type Silent } from './check.ts'
import { cellKey } from './found.ts'
import { checkLines } from './json.ts'
import { dropRepeated, recordCheck, records } from './record.ts'
import { baselineOf, compare, type Compared } from './since.ts'
import { writeOutputs } from './outputs.ts'
import type { Suspects } from './suspects.ts'
import { tellingOf } from './telling.ts'
import { reportLines } from './text.ts'

/** `fmc drift` without --watch. Resolves with the exit code. */
export async function driftOnce(chosen: Chosen, o: DriftOptions): Promise<number> {
  const ready = await makeReady(chosen)
  const { inventory } = ready
  const name = chosen.book.name
  const signals = listenForSignals()
  const kept = new KeptSessions(openSession)
  const late = watchLate()
  try {
    // Read the baseline before this check becomes a record itself.
    const cells = new Set(
      ready.stages
        .flat()
        .flatMap(p => p.hosts.flatMap(h => p.roles.map(r => cellKey(h.name, r.name)))),
    )
    const baseline =
      o.since === undefined ? undefined : baselineOf(records(ready), inventory.file, cells)
    const record = await recordCheck(ready, text => printError(`fmc: ${text}`))
    const telling = await tellingOf(ready, record.id)
    let exitCode: number = EXIT.failed
    try {
      const checked = await check(ready, kept, signals, {
        each: event => {
          record.on(event)
          telling.on(event)
          if (event.type === 'note' && o.output !== 'json') printError(event.text)
        },
      })
      exitCode = checked.exitCode
      if (exitCode >= 128) return exitCode
      const compared = baseline && compare(checked.found, baseline)
      const suspects = compared && (await asked(compared))
      const at = new Date().toISOString()
      const all = { ...checked, name, at, compared, suspects: suspects ?? [] }
      if (o.output === 'json') jsonLines(checkLines(all))
      else
        print(
          reportLines({
            ...all,
            diff: o.diff ?? false,
            columns: canMoveCursor() ? reportTarget().columns : 80,
          }).join('\n'),
        )
      writeOutputs(o, all)
      return late.ended(exitCode)
    } finally {
      await telling.end(exitCode, nextStop(signals))
      record.end(exitCode)
      dropRepeated(records(ready), chosen.command, inventory.file)
    }
  } finally {
    signals.off()
    kept.close()
  }

  function asked(compared: readonly Compared[]): Promise<(Suspects | Silent)[]> {
    return askSuspects(
      ready,
      kept,
      compared.filter(c => c.age !== 'known'),
    )
  }
}
