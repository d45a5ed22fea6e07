import { matchHosts } from '../../inventory/patterns.ts'
import type { Host, Inventory } from '../../inventory/types.ts'
import { cleanLine, safeJson } from '../../report/sanitise.ts'
import { pad, width } from '../../report/width.ts'

export interface HostsOptions {
  readonly inventory: Inventory
  readonly pattern: string
  readonly json: boolean
}

/**
 * `fmc hosts`: a table of the hosts of a pattern; of one host everything that the inventory says, merged variables too.
 * JSON is a list of hosts. Secrets show as ‹secret›. Ends without a newline.
 */
export function hosts({ inventory, pattern, json }: HostsOptions): string {
  const found = matchHosts(inventory, pattern)
  if (json) return safeJson(found, 2)
  const [only, ...others] = found
  if (only === undefined) return `no host matches ${pattern}`
  return others.length === 0 ? details(only) : table(found.map(row))
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
  return [host.name, table(facts.filter(([, text]) => text !== '').map(f => ['', ...f]))].join('\n')
}

const osText = ({ os }: Host): string =>
  os.version === undefined ? os.name : `${os.name} ${os.version}`

const memory = (megabytes: number): string =>
  megabytes < 1024 ? `${megabytes} MB` : `${Number((megabytes / 1024).toFixed(2))} GB`

const rootDisk = (host: Host): string =>
  host.rootDiskGb === undefined ? '' : `root disk ${host.rootDiskGb} GB`

function table(raw: readonly (readonly string[])[]): string {
  const rows = raw.map(cells => cells.map(cleanLine))
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(cells => width(cells[column] ?? ''))),
  )
  return rows
    .map(cells =>
      cells
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
