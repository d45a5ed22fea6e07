import type { AddCommand } from '../options.ts'
import { inventoryOption } from '../options.ts'

/** `fmc test [ROLE…]`: the tests of this project's roles. */
export const test: AddCommand = (program, run) => {
  program
    .command('test [roles...]')
    .description(
      'run the tests of this project: *.test.ts in roles/, playbooks/ and test/, with node:test',
    )
    .addOption(inventoryOption())
    .addHelpText(
      'after',
      '\nExamples:\n  fmc test\n  sudo fmc test motd\n\nA test that uses the lab needs root (docs/write-a-role.md).',
    )
    .action((roles: string[], o: { inventory: string }) =>
      run(import('../project/test-run.ts').then(m => m.runTests(roles, o.inventory))),
    )
}
