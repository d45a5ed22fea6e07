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

/**
 * Lines that the runner does not take for commands: a line that begins with `::`, after any blanks, and `##[` anywhere
 * (actions/runner, src/Runner.Common/ActionCommand.cs). A host that prints such a line could set variables of later steps.
 */
export const inert = (text: string): string =>
  text.replace(/^(\s*):(?=:)/gm, '$1\\:').replace(/##(?=\[)/g, '#\\#')
