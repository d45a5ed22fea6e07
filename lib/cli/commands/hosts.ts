import { Option } from 'commander'
import { EXIT } from '../../errors.ts'
import { matchHosts } from '../../inventory/patterns.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { safeJson } from '../../text/sanitise.ts'
import { table } from '../../report/table.ts'
import { jsonLines } from '../json-lines.ts'
import { extraVarsOption, inventoryOption, outputOption } from '../options.ts'
import type { AddCommand, InventoryOptions, OutputOptions } from '../options.ts'
import { print } from '../print.ts'

interface Options extends InventoryOptions, OutputOptions {
  readonly json?: boolean
}

/** `fmc hosts [PATTERN]`: what the inventory says about hosts. No host is contacted. */
export const hosts: AddCommand = (program, run) => {
  program
    .command('hosts [pattern]')
    .description('hosts of a pattern; for a single host all that the inventory says')
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .addOption(outputOption())
    .addOption(new Option('--json', 'the hosts as one JSON array').hideHelp())
    .option('--lab', 'accepted as in other commands; the lab has the same hosts')
    .action((pattern: string | undefined, o: Options) => run(printHosts(pattern ?? 'all', o)))
}

async function printHosts(pattern: string, o: Options): Promise<number> {
  const { openContext } = await import('../context.ts')
  const { inventory } = await openContext(o, undefined)
  if (o.output === 'json')
    jsonLines(matchHosts(inventory, pattern).map(host => ({ type: 'host', ...host })))
  else print(hostsText({ inventory, pattern, json: o.json ?? false }))
  return EXIT.ok
}

/**
 * Several hosts as a table, a single one with all that the inventory says about it, merged variables included; as JSON
 * a list of hosts. Secrets show as ‹secret›. Ends without a newline.
 */
export function hostsText({
  inventory,
  pattern,
  json,
}: {
  readonly inventory: Inventory
  readonly pattern: string
  readonly json: boolean
}): string {
  const found = matchHosts(inventory, pattern)
  if (json) return safeJson(found, 2)
  const [only, ...others] = found
  if (only === undefined) return `no host matches ${pattern}`
  return others.length === 0 ? details(only) : table(found.map(row)).join('\n')
}

const row = (host: Host): string[] => [
  host.name,
  host.address,
  osText(host),
  host.vcpu === undefined ? '' : `${host.vcpu} vCPU`,
  host.memoryMb === undefined ? '' : memory(host.memoryMb),
  host.groups.filter(group => group !== 'all').join(' '),
]

function details(host: Host): string {
  const facts: [string, string][] = [
    ['address', host.address],
    ['os', osText(host)],
    ['ssh', `${host.ssh.user}, port ${host.ssh.port}${host.ssh.sudo ? ', sudo' : ''}`],
    ...host.nics.map((nic): [string, string] => [
      nic.device,
      `${nic.address} in ${nic.network}${nic.mac === undefined ? '' : `, ${nic.mac}`}`,
    ]),
    ['size', [...row(host).slice(3, 5), rootDisk(host)].filter(Boolean).join(', ')],
    ...host.disks.map((disk): [string, string] => [
      `disk ${disk.name}`,
      `${disk.sizeGb} GB at ${disk.device}`,
    ]),
    ['VM of', host.vmOn ?? ''],
    ['groups', host.groups.join(' ')],
    ...Object.entries(host.vars).map(([name, value]): [string, string] => [name, safeJson(value)]),
  ]
  return [host.name, ...table(facts.filter(([, text]) => text !== '').map(f => ['', ...f]))].join(
    '\n',
  )
}

const osText = ({ os }: Host): string =>
  os.version === undefined ? os.name : `${os.name} ${os.version}`

const memory = (megabytes: number): string =>
  megabytes < 1024 ? `${megabytes} MB` : `${Number((megabytes / 1024).toFixed(2))} GB`

const rootDisk = (host: Host): string =>
  host.rootDiskGb === undefined ? '' : `root disk ${host.rootDiskGb} GB`
