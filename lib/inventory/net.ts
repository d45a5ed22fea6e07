/** An IPv4 block. `base` and `last` are its first and last address as unsigned numbers. */
export interface Block {
  readonly base: number
  readonly last: number
  readonly prefix: number
}

/** Four decimal octets without leading zeros, as an unsigned 32-bit number; undefined: not an IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let value = 0
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    value = value * 256 + Number(octet)
  }
  return value
}

export const formatIpv4 = (value: number): string =>
  [24, 16, 8, 0].map(shift => (value >>> shift) & 255).join('.')

/** `10.17.3.0/24`; a text instead of a Block says what is wrong with it. */
export function parseCidr(text: string): Block | string {
  const [address = '', bits = '', ...rest] = text.split('/')
  const value = parseIpv4(address)
  if (value === undefined || rest.length > 0 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    return 'is no IPv4 network'
  const prefix = Number(bits)
  const size = 2 ** (32 - prefix)
  const base = value - (value % size)
  if (base !== value) return `has host bits set; the network is ${formatIpv4(base)}/${prefix}`
  return { base, last: base + size - 1, prefix }
}

/** True for an address of the block that a host may have (neither the network's nor the broadcast address). */
export const isHostAddress = (block: Block, address: number): boolean =>
  block.prefix >= 31
    ? address >= block.base && address <= block.last
    : address > block.base && address < block.last

export const contains = (block: Block, address: number): boolean =>
  address >= block.base && address <= block.last

export const overlaps = (a: Block, b: Block): boolean => a.base <= b.last && b.base <= a.last
