/** Reports: show a run's events as a live tree, plain lines or NDJSON; events are their only input. */
import type { Report, ReportOptions } from './types.ts'

export type { KnownMs } from './estimate.ts'
export type { Report, ReportOptions } from './types.ts'

export type ReportKind = 'tty' | 'plain' | 'json'

/** Creates the report for `--output`. Loads only what that kind needs (listr2 for tty, chalk for colour). */
export const createReport = async (kind: ReportKind, options: ReportOptions): Promise<Report> => {
  switch (kind) {
    case 'json':
      return (await import('./json.ts')).createJson(options)
    case 'plain':
      return (await import('./plain.ts')).createPlain(options)
    case 'tty':
      return (await import('./listr.ts')).createListr(options)
  }
}
