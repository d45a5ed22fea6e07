import { EXIT } from '../../errors.ts'
import { pad } from '../../report/width.ts'
import { cleanLine } from '../../text/sanitise.ts'
import type { Found } from '../load.ts'
import { jsonLines } from '../json-lines.ts'
import { inventoryOption, outputOption, type AddCommand } from '../options.ts'
import { print } from '../print.ts'

interface Options {
  readonly inventory: string
  readonly output?: 'plain' | 'json'
}

/** `fmc list`: playbooks and roles, and whose each is. */
export const list: AddCommand = (program, run) => {
  program
    .command('list')
    .description("list playbooks and roles: this project's own and fmc's")
    .addOption(inventoryOption())
    .addOption(outputOption())
    .action((o: Options) => run(printList(o)))
}

async function printList(o: Options): Promise<number> {
  const { catalogue, originOf } = await import('../load.ts')
  const found = catalogue(o.inventory)
  if (o.output === 'json') {
    jsonLines(found.map(({ kind: type, ...rest }) => ({ type, ...rest })))
    return EXIT.ok
  }
  const section = (title: string, kind: Found['kind']): string[] => [
    title,
    ...found
      .filter(f => f.kind === kind)
      .map(f => `  ${pad(cleanLine(f.name), 20)} ${originOf(f)}`),
  ]
  print(
    [
      ...section('Playbooks (fmc play NAME)', 'playbook'),
      '',
      ...section('Roles (fmc doc NAME)', 'role'),
    ].join('\n'),
  )
  return EXIT.ok
}
