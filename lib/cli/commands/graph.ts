import { EXIT, UsageError } from '../../errors.ts'
import { quote } from '../../shell/quote.ts'
import { Option } from 'commander'
import {
  extraVarsOption,
  inventoryOption,
  type AddCommand,
  type InventoryOptions,
} from '../options.ts'
import { print, printFile, printJson, printVersion } from '../print.ts'

interface Options extends InventoryOptions {
  readonly output?: 'text' | 'svg' | 'json'
  readonly out?: string
  readonly force?: boolean
}

/** `fmc graph`: networks, groups, VIPs and flows of the inventory. No host is contacted. */
export const graph: AddCommand = (program, run) => {
  program
    .command('graph')
    .description(
      'networks, hosts, groups, VIPs and flows of the inventory, as text or as a picture',
    )
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .addOption(
      new Option('--output <format>', 'text (default), svg, or json (NDJSON)').choices([
        'text',
        'svg',
        'json',
      ]),
    )
    .option(
      '-o, --out <file>',
      'write text or a picture to this file; a name that ends in .svg means a picture',
    )
    .option('--force', 'with --out: replace a file that fmc graph has not written')
    .option('--lab', 'accepted as in other commands; the lab has the same inventory')
    .addHelpText(
      'after',
      `
Examples:
  fmc graph
  fmc graph -o docs/cloud.svg`,
    )
    .action((o: Options) => run(drawGraph(o)))
}

const formatOf = ({ output, out = '' }: Options): 'text' | 'svg' | 'json' => {
  const [, other] = /\.(png|jpe?g|gif|webp|pdf|dot|mmd|html?)$/i.exec(out) ?? []
  if (other !== undefined)
    throw new UsageError(`fmc graph writes text and SVG, not ${other.toUpperCase()}`, {
      hint: `fmc graph -o ${quote(out.replace(/\.\w+$/, '.svg'))}`,
    })
  return output ?? (out.endsWith('.svg') ? 'svg' : out.endsWith('.json') ? 'json' : 'text')
}

async function drawGraph(o: Options): Promise<number> {
  const [{ openContext }, { graphOf }] = await Promise.all([
    import('../context.ts'),
    import('../../graph/model.ts'),
  ])
  const { inventory } = await openContext(o, undefined)
  const model = graphOf(inventory)
  const format = formatOf(o)
  if (format === 'json') {
    if (o.out !== undefined)
      throw new UsageError('--output json goes to stdout only', {
        hint: 'fmc graph --output json >FILE',
      })
    printVersion()
    for (const type of ['networks', 'groups', 'hosts', 'vips', 'flows'] as const)
      for (const entry of model[type]) printJson({ type: type.slice(0, -1), ...entry })
    return EXIT.ok
  }
  const { graphText } = await import('../../graph/text.ts')
  const { pictureOf, svgOf } = await import('../../graph/svg.ts')
  const text = format === 'svg' ? svgOf(model, pictureOf(model)) : graphText(model)
  if (o.out !== undefined) await write(o.out, text, format, o.force ?? false)
  else if (format === 'svg') printFile(text)
  else print(text)
  return EXIT.ok
}

/** Replaces only a picture that fmc has made, so that a mistyped name costs nothing. */
async function write(
  file: string,
  text: string,
  format: 'text' | 'svg',
  force: boolean,
): Promise<void> {
  const [{ readFile, writeFile }, { SVG_HEAD }] = await Promise.all([
    import('node:fs/promises'),
    import('../../graph/svg.ts'),
  ])
  try {
    const old = await readFile(file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    })
    if (old !== undefined && !force && !(format === 'svg' && old.startsWith(SVG_HEAD)))
      throw new UsageError(`${file} exists, and fmc graph has not written it`, {
        hint: 'name another file, or use --force',
      })
    // A link that leads nowhere reads as a missing file, and is not one.
    const flag = old === undefined ? 'wx' : 'w'
    await writeFile(file, format === 'svg' ? text : `${text}\n`, { flag })
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error
    throw new UsageError(`cannot write ${file}: ${error.message}`)
  }
}
