import type { Ready } from '../prepare.ts'
import { printError } from '../print.ts'
import { openTelling, type Telling } from '../telling.ts'

/** Calls the hooks of a check, and sends its spans. Of a watch only the first check `starts`. */
export const tellingOf = (
  { chosen: { command, context, options } }: Ready,
  run: string,
  { starts = true } = {},
): Promise<Telling> =>
  openTelling({
    ...{ run, command, context, options, starts },
    // For hooks a check that finds nothing is a success.
    dryRun: false,
    warn: text => printError(`fmc: warning: ${text}`),
  })
