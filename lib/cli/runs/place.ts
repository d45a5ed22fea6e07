import { stateOf } from '../../lab/index.ts'
import { findRun, labRunsDir, runsDir, type RecordedRun } from '../../record/index.ts'

/** Which records a command of `fmc runs` reads. */
export interface PlaceOptions {
  readonly lab?: boolean
  readonly name: string
}

/** The directory of the records. Throws UsageError when the lab is not up, or there is no home directory. */
export const placeOf = ({ lab, name }: PlaceOptions): string =>
  lab ? labRunsDir(stateOf(name).dir) : runsDir()

/** The recorded run that a word names; see findRun. Throws UsageError. */
export const runAt = (o: PlaceOptions, word: string): RecordedRun =>
  findRun(placeOf(o), word, o.lab ? ' --lab' : '')
