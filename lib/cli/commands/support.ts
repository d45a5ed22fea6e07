import { EXIT, UsageError } from '../../errors.ts'
import {
  extraVarsOption,
  inLabIfAsked,
  noRoles,
  inventoryOption,
  positive,
  type AddCommand,
  type LoginOptions,
} from '../options.ts'
import { askLine, print, printError, stdinIsTerminal } from '../print.ts'

/** Options of `fmc support`. */
export interface SupportOptions extends LoginOptions {
  readonly hosts?: string
  readonly out?: string
  readonly runs: string
  readonly yes?: boolean
}

/** `fmc support`: one archive for somebody who is to help, without secrets and addresses. */
export const support: AddCommand = (program, run) => {
  program
    .command('support')
    .description(
      'one archive for somebody who is to help: versions, shape of the inventory, last runs, lint; lists it first, without secrets and addresses',
    )
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .option('--hosts <pattern>', 'also the facts of these hosts; without it no host is contacted')
    .option('--out <file>', 'the archive; default: fmc-support-TIME.tar.gz')
    .option('--runs <n>', 'how many of the last runs', '5')
    .option('--yes', 'write it without asking')
    .option('-K, --ask-become-pass', 'ask for the sudo password, once')
    .option(
      '--identity <file>',
      'age identity that opens the secrets file, so that fmc knows what to hide',
    )
    .option('--lab', 'hosts and runs of the lab')
    .action((o: SupportOptions) => run(inLabIfAsked(o, () => makeArchive(o), noRoles)))
}

async function makeArchive(o: SupportOptions): Promise<number> {
  const [{ collect }, { listLines, withReadme, writeArchive }] = await Promise.all([
    import('../support/collect.ts'),
    import('../support/archive.ts'),
  ])
  const runs = positive('--runs', o.runs)
  const file = o.out ?? `fmc-support-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.tar.gz`
  const parts = withReadme(await collect(o, runs))
  print(listLines(parts).join('\n'))
  if (!o.yes) {
    if (!stdinIsTerminal())
      throw new UsageError('nothing was written: fmc support asks first', {
        hint: 'fmc support --yes',
      })
    const typed = await askLine(`Write these ${parts.length} files to ${file}? (y/n)`)
    if (!/^y(?:es)?$/i.test(typed.trim())) {
      printError('nothing was written')
      return EXIT.usage
    }
  }
  const bytes = writeArchive(file, parts)
  print(
    `\n${file}: ${bytes} bytes, mode 0600. Look into it before you send it: tar -xzOf ${file} | less`,
  )
  return EXIT.ok
}
