/** Reports: show a run's events as a live tree, plain lines, NDJSON, or what CI systems read; events are their only input. */
import type { Report, ReportOptions } from './types.ts'

export type { KnownMs } from './estimate.ts'
export type { Report, ReportOptions } from './types.ts'

/** The values of `--output` of a run. */
export const REPORT_KINDS = ['tty', 'plain', 'json', 'junit', 'github', 'sarif'] as const
export type ReportKind = (typeof REPORT_KINDS)[number]

/** Creates the report for `--output`. Loads only what that kind needs (listr2 for tty, chalk for colour). */
export const createReport = async (kind: ReportKind, options: ReportOptions): Promise<Report> => {
  switch (kind) {
    case 'json':
      return (await import('./json.ts')).createJson(options)
    case 'junit':
      return (await import('./junit.ts')).createJunit(options)
    case 'github':
      return (await import('./github.ts')).createGithub(options)
    case 'sarif':
      return (await import('./sarif.ts')).createSarif(options)
    case 'plain':
      return (await import('./plain.ts')).createPlain(options)
    case 'tty':
      return (await import('./listr.ts')).createListr(options)
  }
}
