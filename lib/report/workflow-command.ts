import { cleanBlock } from '../text/sanitise.ts'

/*
 * Workflow commands of GitHub Actions (docs.github.com, "Workflow commands for GitHub Actions"): lines on stdout or stderr
 * of a step that the runner obeys, also if a program has only passed them on.
 */

/** The kinds of annotations. */
export type AnnotationLevel = 'error' | 'warning' | 'notice'

/** What an annotation is about. Undefined parts are left out. */
export interface AnnotationPlace {
  readonly title: string
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly col?: number | undefined
}

/**
 * An annotation as one line without its end. The runner unescapes %, CR and LF in the message, and `:` and `,` too in properties
 * (actions/toolkit, packages/core/src/command.ts).
 *
 *     annotation('error', { title: 'fmc: web1' }, '100%\nbad')  // ::error title=fmc%3A web1::100%25%0Abad
 */
export const annotation = (level: AnnotationLevel, at: AnnotationPlace, text: string): string => {
  const { file, line, col, title } = at
  const properties = Object.entries({ file, line, col, title })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escapedProperty(String(value))}`)
    .join(',')
  return `::${level} ${properties}::${escapedData(cleanBlock(text))}`
}

const escapedData = (text: string): string =>
  text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

const escapedProperty = (text: string): string =>
  escapedData(text).replace(/:/g, '%3A').replace(/,/g, '%2C')

/** Does the program that reads the output of this process obey commands in it? */
export const isObeyed = (env: NodeJS.ProcessEnv = process.env): boolean =>
  ['GITHUB_ACTIONS', 'TF_BUILD', 'TEAMCITY_VERSION'].some(
    name => !['', 'false'].includes(env[name] ?? ''),
  )

/**
 * Text in which no runner finds a command, because a host that prints one could set variables of later steps: a line that begins
 * with `::`, after any blanks, and `##[` anywhere (actions/runner, src/Runner.Common/ActionCommand.cs); `##vso[` anywhere
 * (azure-pipelines-agent, Command.cs: IndexOf);
 * `##teamcity[` (TeamCity, "Service Messages"). JSON stays JSON with the same meaning.
 */
export const inert = (text: string): string =>
  text.replace(/^(\s*):(?=:)/gm, '$1\\:').replace(/##(?=(?:vso|teamcity)?\[)/gi, '#\\u0023')
