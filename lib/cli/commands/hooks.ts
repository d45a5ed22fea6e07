import { EXIT } from '../../errors.ts'
import type { Inventory } from '../../inventory/types.ts'
import type { Secret } from '../../secrets/secret.ts'
import { jsonLines } from '../json-lines.ts'
import { inventoryOption, outputOption, type AddCommand, type OutputOptions } from '../options.ts'
import { print, printError } from '../print.ts'

declare const FMC_VERSION: string

interface Options extends OutputOptions {
  readonly inventory: string
  readonly identity?: string
}

/** `fmc hooks list|test`: whom runs tell how they went. */
export const hooksCommand: AddCommand = (program, run) => {
  const hooks = program
    .command('hooks')
    .description('whom runs tell how they went: the hooks of the inventory')
  hooks
    .command('list')
    .description('the hooks, without their secrets')
    .addOption(inventoryOption())
    .addOption(outputOption())
    .action((o: Options) => run(listHooks(o)))
  hooks
    .command('test')
    .description('send a test message to every hook; a Healthchecks check keeps its state')
    .addOption(inventoryOption())
    .option('--identity <file>', 'age identity that opens the secrets file')
    .addOption(outputOption())
    .action((o: Options) => run(testHooks(o)))
}

async function inventoryOf(o: Options): Promise<Inventory> {
  const { loadInventory } = await import('../../inventory/load.ts')
  const inventory = await loadInventory(o.inventory)
  if (inventory.hooks.length === 0 && o.output !== 'json')
    printError(`${o.inventory} has no hooks: docs/operations.md shows some`)
  return inventory
}

async function listHooks(o: Options): Promise<number> {
  const hooks = (await inventoryOf(o)).hooks.map(
    ({ key, event, type, url, commands, dryRuns }) => ({
      ...{ type: 'hook', key, event, service: type },
      secret: typeof url === 'string' ? undefined : url.name,
      commands,
      dryRuns,
    }),
  )
  if (o.output === 'json') jsonLines(hooks)
  else
    for (const { key, service, secret, commands } of hooks)
      print(
        [
          `${key}: ${service}`,
          ...(secret === undefined ? [] : [`address in the secret ${secret}`]),
          ...(commands === undefined ? [] : [`for ${commands.join(', ')}`]),
        ].join(', '),
      )
  return EXIT.ok
}

/** Exit code 2 if a hook cannot be called. */
async function testHooks(o: Options): Promise<number> {
  const inventory = await inventoryOf(o)
  const [{ openHooks }, { callHooks }, { Summary }, { redactor }, { hostname }] = await Promise.all(
    [
      import('../telling.ts'),
      import('../../notify/hooks.ts'),
      import('../../notify/summary.ts'),
      import('../../secrets/redact.ts'),
      import('node:os'),
    ],
  )
  const context = { inventory, secrets: [] as Secret[] }
  let failed = false
  const line = o.output === 'json' ? jsonLines() : undefined
  const options = o.identity === undefined ? o : { ...o, identity: o.identity }
  const opened = await openHooks(inventory.hooks, {
    ...{ context, options },
    warn: text => {
      failed = true
      printError(`fmc: ${text}`)
    },
  })
  const summary = new Summary({
    ...{ command: 'hooks test', run: '00000000', dryRun: false, fmc: FMC_VERSION },
    ...{ begin: new Date().toISOString(), controller: hostname() },
  })
  const hide = redactor(context.secrets)
  for (const { hook, host, problem } of await callHooks(
    opened,
    'test',
    summary.of(EXIT.ok),
    hide,
  )) {
    failed ||= problem !== undefined
    if (line) line({ type: 'hook', key: hook.key, service: hook.type, host, problem })
    else print(`${hook.key} (${hook.type} at ${host}): ${problem ?? 'called'}`)
  }
  return failed ? EXIT.failed : EXIT.ok
}
