/**
 * An IPv4 block, made by `parseCidr`.
 *
 * @example
 * const loopback: Block = { base: 0x7f000000, last: 0x7fffffff, prefix: 8 }
 */
export interface Block {
  /** First address, as an unsigned 32-bit number. */
  readonly base: number
  /** Last address, as an unsigned 32-bit number. */
  readonly last: number
  /** Length of the prefix in bits, 0 to 32. */
  readonly prefix: number
}

/**
 * Parses an IPv4 address: four decimal octets without leading zeros.
 *
 * @returns an unsigned 32-bit number; undefined: not an IPv4 address
 *
 * @example
 * const address = parseIpv4('10.17.3.11') // 0x0a11030b
 */
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

/**
 * Formats an IPv4 address.
 *
 * @param value - an unsigned 32-bit number
 *
 * @example
 * const text = formatIpv4(0x0a11030b) // '10.17.3.11'
 */
export const formatIpv4 = (value: number): string =>
  [24, 16, 8, 0].map(shift => (value >>> shift) & 255).join('.')

/**
 * Parses an IPv4 network such as 10.17.3.0/24. Never throws.
 *
 * @returns the block, or a text that says what is wrong, to follow the network's name in a message
 *
 * @example
 * const lan = parseCidr('10.17.3.0/24')
 * if (typeof lan === 'string') throw new TaskError(`10.17.3.0/24 ${lan}`)
 */
export function parseCidr(text: string): Block | string {
  const [address = '', bits = '', ...rest] = text.split('/')
  const value = parseIpv4(address)
  if (value === undefined || rest.length > 0 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    return 'is not an IPv4 network'
  const prefix = Number(bits)
  const size = 2 ** (32 - prefix)
  const base = value - (value % size)
  if (base !== value) return `has host bits set; the network is ${formatIpv4(base)}/${prefix}`
  return { base, last: base + size - 1, prefix }
}

/**
 * Can a host of this block have the address? Not if it is outside, or the network or broadcast address (/31 and /32 have none).
 *
 * @example
 * const lan = parseCidr('10.17.3.0/24')
 * const ok = typeof lan !== 'string' && isHostAddress(lan, parseIpv4('10.17.3.255') ?? 0) // false
 */
export const isHostAddress = (block: Block, address: number): boolean =>
  block.prefix >= 31
    ? address >= block.base && address <= block.last
    : address > block.base && address < block.last

/**
 * Is the address in the block?
 *
 * @example
 * const lan = parseCidr('10.17.3.0/24')
 * const inside = typeof lan !== 'string' && contains(lan, parseIpv4('10.17.3.11') ?? 0) // true
 */
export const contains = (block: Block, address: number): boolean =>
  address >= block.base && address <= block.last

/**
 * Do two blocks have an address in common?
 *
 * @example
 * const [a, b] = [parseCidr('10.0.0.0/8'), parseCidr('10.17.3.0/24')]
 * const both = typeof a !== 'string' && typeof b !== 'string' && overlaps(a, b) // true
 */
export const overlaps = (a: Block, b: Block): boolean => a.base <= b.last && b.base <= a.last
