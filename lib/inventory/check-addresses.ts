import { error } from './check-references.ts'
import { contains, formatIpv4, isHostAddress, parseCidr, parseIpv4, type Block } from './net.ts'
import type { UnplacedProblem, Path } from './problem.ts'
import type { RawInventory } from './raw.ts'
import { defaultDevice } from './resolve.ts'

/** Problems of networks and addresses: malformed, outside of their network, used twice. */
export function addressProblems(raw: RawInventory): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const blocks = blocksOf(raw, found)
  const sorted = sortedBlocks(blocks)
  overlapProblems(blocks, sorted, found)
  const place = (address: string, network: string, path: Path): void => {
    placeAddress(address, network, path, { blocks, sorted, found })
  }
  const owners = new Claims(found)
  const macs = new Claims(found)
  for (const [name, network] of Object.entries(raw.networks)) {
    if (network.gateway === undefined) continue
    const path = ['networks', name, 'gateway']
    place(network.gateway, name, path)
    owners.claim(network.gateway, `the gateway of ${name}`, path)
  }
  for (const [name, vip] of Object.entries(raw.vips ?? {})) {
    const path = ['vips', name, 'address']
    place(vip.address, vip.network, path)
    owners.claim(vip.address, `the VIP ${name}`, path)
  }
  for (const [name, host] of Object.entries(raw.hosts)) {
    const devices = new Claims(found)
    for (const [index, nic] of (host.nics ?? []).entries()) {
      const path = ['hosts', name, 'nics', index]
      place(nic.address, nic.network, [...path, 'address'])
      const network = Object.hasOwn(raw.networks, nic.network)
        ? raw.networks[nic.network]
        : undefined
      if (network?.router !== name || network.gateway !== nic.address)
        owners.claim(nic.address, name, [...path, 'address'])
      if (nic.mac !== undefined) macs.claim(nic.mac, name, [...path, 'mac'])
      const device = nic.device ?? defaultDevice(raw, host, index)
      const own = nic.device === undefined ? path : [...path, 'device']
      devices.claim(device, `another nic of ${name}`, own)
    }
  }
  return found
}

/** What may belong to one owner only. */
class Claims {
  readonly #owners = new Map<string, { readonly owner: string; readonly path: Path }>()
  readonly #found: UnplacedProblem[]
  constructor(found: UnplacedProblem[]) {
    this.#found = found
  }
  claim(value: string, owner: string, path: Path): void {
    const before = this.#owners.get(value)
    if (before === undefined) this.#owners.set(value, { owner, path })
    else
      this.#found.push({
        ...error(
          path,
          `${value} already belongs to ${before.owner}`,
          'every address must be unique',
        ),
        other: { path: before.path, message: `${before.owner} has ${value} here` },
      })
  }
}

function blocksOf(raw: RawInventory, found: UnplacedProblem[]): Map<string, Block> {
  const blocks = new Map<string, Block>()
  for (const [name, { cidr }] of Object.entries(raw.networks)) {
    const block = parseCidr(cidr)
    if (typeof block !== 'string') blocks.set(name, block)
    else
      found.push(error(['networks', name, 'cidr'], `${cidr} ${block}`, 'write it as 10.17.3.0/24'))
  }
  return blocks
}

/** By first address, of equal ones the larger first: a block stands behind those that contain it. */
type Sorted = readonly (readonly [name: string, block: Block])[]

const sortedBlocks = (blocks: ReadonlyMap<string, Block>): Sorted =>
  [...blocks].sort(([, a], [, b]) => a.base - b.base || a.prefix - b.prefix)

/** Blocks that overlap contain one another, so each is compared only with the innermost one that is still open. */
function overlapProblems(
  blocks: ReadonlyMap<string, Block>,
  sorted: Sorted,
  found: UnplacedProblem[],
): void {
  const order = new Map([...blocks.keys()].map((name, index) => [name, index]))
  const open: (readonly [name: string, block: Block])[] = []
  for (const [name, block] of sorted) {
    while (open.length > 0 && (open.at(-1)?.[1].last ?? 0) < block.base) open.pop()
    const outer = open.at(-1)?.[0]
    open.push([name, block])
    if (outer === undefined) continue
    const [before, after] =
      (order.get(name) ?? 0) > (order.get(outer) ?? 0) ? [outer, name] : [name, outer]
    const other = blocks.get(before)
    if (other !== undefined)
      found.push({
        ...error(
          ['networks', after, 'cidr'],
          `${after} overlaps ${before} (${text(other)})`,
          'networks must not share addresses',
        ),
        other: { path: ['networks', before, 'cidr'], message: `the network ${before}` },
      })
  }
}

/** The network that has this host address; undefined: none, or one inside of another, which is a problem of its own. */
function fitting(sorted: Sorted, address: number): string | undefined {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle]?.[1].base ?? 0) <= address) low = middle + 1
    else high = middle
  }
  const candidate = sorted[low - 1]
  return candidate && isHostAddress(candidate[1], address) ? candidate[0] : undefined
}

function placeAddress(
  address: string,
  network: string,
  path: Path,
  {
    blocks,
    sorted,
    found,
  }: {
    readonly blocks: ReadonlyMap<string, Block>
    readonly sorted: Sorted
    readonly found: UnplacedProblem[]
  },
): void {
  const value = parseIpv4(address)
  if (value === undefined) {
    found.push(
      error(
        path,
        `${address} is not an IPv4 address`,
        'four numbers from 0 to 255, such as 10.17.3.11',
      ),
    )
    return
  }
  const block = blocks.get(network)
  if (block === undefined || isHostAddress(block, value)) return
  if (contains(block, value))
    found.push(
      error(
        path,
        `${address} is the ${value === block.base ? 'network' : 'broadcast'} address of ${network}`,
      ),
    )
  else
    found.push(
      error(
        path,
        `${address} is outside of ${network} (${text(block)})`,
        belongsTo(sorted, value, blocks),
      ),
    )
}

function belongsTo(
  sorted: Sorted,
  address: number,
  blocks: ReadonlyMap<string, Block>,
): string | undefined {
  const name = fitting(sorted, address)
  if (name !== undefined) return `it belongs to ${name}`
  return `the networks are ${[...blocks]
    .slice(0, 8)
    .map(([other, block]) => `${other} ${text(block)}`)
    .join(', ')}${blocks.size > 8 ? ', …' : ''}`
}

const text = (block: Block): string => `${formatIpv4(block.base)}/${block.prefix}`
