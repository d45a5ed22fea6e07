import { error } from './check-references.ts'
import {
  contains,
  formatIpv4,
  isHostAddress,
  overlaps,
  parseCidr,
  parseIpv4,
  type Block,
} from './net.ts'
import type { UnplacedProblem, Path } from './problem.ts'
import type { RawInventory } from './raw.ts'
import { defaultDevice } from './resolve.ts'

/** Problems of networks and addresses: malformed, outside of their network, used twice. */
export function addressProblems(raw: RawInventory): UnplacedProblem[] {
  const found: UnplacedProblem[] = []
  const blocks = blocksOf(raw, found)
  overlapProblems(blocks, found)
  const owners = new Map<string, string>()
  const macs = new Map<string, string>()
  const claim = (seen: Map<string, string>, value: string, owner: string, path: Path): void => {
    const before = seen.get(value)
    if (before !== undefined)
      found.push(
        error(path, `${value} already belongs to ${before}`, 'every address must be unique'),
      )
    else seen.set(value, owner)
  }
  for (const [name, network] of Object.entries(raw.networks)) {
    if (network.gateway === undefined) continue
    const path = ['networks', name, 'gateway']
    place(network.gateway, name, blocks, path, found)
    claim(owners, network.gateway, `the gateway of ${name}`, path)
  }
  for (const [name, vip] of Object.entries(raw.vips ?? {})) {
    const path = ['vips', name, 'address']
    place(vip.address, vip.network, blocks, path, found)
    claim(owners, vip.address, `the VIP ${name}`, path)
  }
  for (const [name, host] of Object.entries(raw.hosts)) {
    const devices = new Map<string, string>()
    for (const [index, nic] of (host.nics ?? []).entries()) {
      const path = ['hosts', name, 'nics', index]
      place(nic.address, nic.network, blocks, [...path, 'address'], found)
      const network = raw.networks[nic.network]
      if (network?.router !== name || network.gateway !== nic.address)
        claim(owners, nic.address, name, [...path, 'address'])
      if (nic.mac !== undefined) claim(macs, nic.mac, name, [...path, 'mac'])
      const device = nic.device ?? defaultDevice(raw, host, index)
      claim(
        devices,
        device,
        `another nic of ${name}`,
        nic.device === undefined ? path : [...path, 'device'],
      )
    }
  }
  return found
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

function overlapProblems(blocks: ReadonlyMap<string, Block>, found: UnplacedProblem[]): void {
  const all = [...blocks]
  for (const [index, [name, block]] of all.entries())
    for (const [other, before] of all.slice(0, index))
      if (overlaps(block, before))
        found.push(
          error(
            ['networks', name, 'cidr'],
            `${name} overlaps ${other} (${text(before)})`,
            'networks must not share addresses',
          ),
        )
}

function place(
  address: string,
  network: string,
  blocks: ReadonlyMap<string, Block>,
  path: Path,
  found: UnplacedProblem[],
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
  const fitting = [...blocks].find(([, other]) => isHostAddress(other, value))?.[0]
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
        fitting === undefined ? undefined : `it belongs to ${fitting}`,
      ),
    )
}

const text = (block: Block): string => `${formatIpv4(block.base)}/${block.prefix}`
