import { stateOf } from '../../lab/index.ts'
import { labRunsDir, runsDir } from '../../record/index.ts'

/** Which records a command of `fmc runs` reads. */
export interface PlaceOptions {
  readonly lab?: boolean
  readonly name: string
}

/** The directory of the records. Throws UsageError when the lab is not up, or there is no home directory. */
export const placeOf = ({ lab, name }: PlaceOptions): string =>
  lab ? labRunsDir(stateOf(name).dir) : runsDir()
