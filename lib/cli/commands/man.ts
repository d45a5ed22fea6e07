import { EXIT } from '../../errors.ts'
import type { CommandTree } from '../complete/tree.ts'
import type { AddCommand } from '../options.ts'
import { printFile } from '../print.ts'

declare const FMC_VERSION: string

/** `fmc man`: prints the manual page. `tree`: all commands. */
export const manCommand =
  (tree: () => CommandTree): AddCommand =>
  (program, run) => {
    program
      .command('man')
      .description('print the manual page: fmc man | man -l -')
      .action(() => run(printPage(tree())))
  }

async function printPage(tree: CommandTree): Promise<number> {
  const { manPage } = await import('../man.ts')
  printFile(manPage(tree, FMC_VERSION))
  return EXIT.ok
}
