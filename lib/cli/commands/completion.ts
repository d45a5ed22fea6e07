import { Argument } from 'commander'
import { EXIT } from '../../errors.ts'
import { SCRIPTS } from '../complete/scripts.ts'
import type { AddCommand } from '../options.ts'
import { printFile } from '../print.ts'

/** `fmc completion SHELL`: prints the script that completes fmc's command lines in that shell. */
export const completion: AddCommand = (program, run) => {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .description('print the completion script for bash, zsh or fish')
    .action((shell: string) => run(printScript(shell)))
}

function printScript(shell: string): Promise<number> {
  printFile(SCRIPTS[shell] ?? '')
  return Promise.resolve(EXIT.ok)
}
