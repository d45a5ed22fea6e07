import { Option } from 'commander'
import { EXIT, UsageError } from '../../errors.ts'
import type { AddCommand } from '../options.ts'
import { jsonLines } from '../json-lines.ts'
import { print, printError } from '../print.ts'

interface Options {
  readonly output: 'text' | 'json'
  readonly json?: boolean
  readonly html?: string
  readonly inventory?: string
  readonly identity?: string
}

/** `fmc show FILE`: what is in a saved plan. No host is contacted. */
export const show: AddCommand = (program, run) => {
  program
    .command('show <file>')
    .description('what a saved plan would change, who signed and who approved it')
    .addOption(
      new Option('--output <format>', 'text, or json (NDJSON)')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--json', 'the same as --output json')
    .option('--html <file>', 'write it as one HTML file that needs nothing else')
    .option(
      '-i, --inventory <file>',
      'the inventory beside which the file `signers` is; default: inventory.yaml',
    )
    .option('--identity <file>', 'age identity that opens the diffs')
    .action((file: string, o: Options) => run(showFile(file, o)))
}

async function showFile(file: string, o: Options): Promise<number> {
  const [{ openPlan, signerWords }, { openBox }, { viewOf, viewText, viewLines }] =
    await Promise.all([
      import('../plans/open.ts'),
      import('../../plan/box.ts'),
      import('../../plan/view.ts'),
    ])
  const opened = await openPlan(file, o)
  const { plan, keys, own, signer } = opened
  const box = await openBox(plan.body.sealed, keys.identities, file)
  const view = viewOf(plan, {
    signedBy: signerWords(opened),
    known: own || signer !== undefined,
    diffs: box?.diffs,
  })
  const json = o.json === true || o.output === 'json'
  if (o.html !== undefined) {
    if (json) throw new UsageError('--html writes a file, and --output json goes to stdout')
    const [{ HTML_HEAD, viewHtml }, { writeWhole }] = await Promise.all([
      import('../../plan/html.ts'),
      import('../../plan/file.ts'),
    ])
    const text = viewHtml(view)
    writeWhole(o.html, text, HTML_HEAD)
    printError(`${o.html}: ${Math.ceil(Buffer.byteLength(text) / 1024)} KB`)
  } else if (json) jsonLines(viewLines(view))
  else print(viewText(view))
  return EXIT.ok
}
