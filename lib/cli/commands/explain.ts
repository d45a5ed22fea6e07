import { EXIT } from '../../errors.ts'
import { pad } from '../../report/width.ts'
import { jsonLines } from '../json-lines.ts'
import { outputOption, type AddCommand, type OutputOptions } from '../options.ts'
import { print, printJson } from '../print.ts'

/** `fmc explain [TERM|ERROR]`: what a word of fmc, a state, an exit code or an error message means. */
export const explainCommand: AddCommand = (program, run) => {
  program
    .command('explain [words...]')
    .description('what a word of fmc, an exit code or an error message means, and what to do')
    .addOption(outputOption())
    .option('--schema', 'print the JSON Schema of what runs print with --output json')
    .action((words: string[], o: OutputOptions & { readonly schema?: boolean }) =>
      run(o.schema ? printSchema() : printExplanation(words.join(' '), o)),
    )
}

async function printSchema(): Promise<number> {
  const { eventsJsonSchema } = await import('../../report/contract-schema.ts')
  printJson(eventsJsonSchema(), 2)
  return EXIT.ok
}

async function printExplanation(text: string, o: OutputOptions): Promise<number> {
  const { allTerms, explain } = await import('../explain/explain.ts')
  if (text === '') {
    const terms = allTerms().map(({ names, kind, meaning }) => ({
      type: 'term',
      term: names[0] ?? '',
      kind,
      meaning,
    }))
    if (o.output === 'json') jsonLines(terms)
    else print(terms.map(({ term, meaning }) => `${pad(term, 16)} ${meaning}`).join('\n'))
    return EXIT.ok
  }
  const found = explain(text)
  if (o.output === 'json') jsonLines(found)
  else
    print(
      found
        .map(e =>
          e.type === 'term'
            ? `${e.term} (${e.kind}): ${e.meaning}`
            : [`Cause: ${e.cause}`, 'What to do:', ...e.remedy.map(line => `  ${line}`)].join('\n'),
        )
        .join('\n\n'),
    )
  return EXIT.ok
}
