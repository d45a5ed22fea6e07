import t from 'tap'
import {
  isHostAddress,
  overlaps,
  parseCidr,
  parseIpv4,
  type Block,
} from '../../lib/inventory/net.ts'

const ADDRESSES: readonly [string, number | undefined][] = [
  ['0.0.0.0', 0],
  ['10.17.3.11', 168887051],
  ['255.255.255.255', 4294967295],
  ['256.0.0.1', undefined],
  ['1.2.3', undefined],
  ['1.2.3.4.5', undefined],
  ['01.2.3.4', undefined],
  ['1.2.3.-4', undefined],
  ['1.2.3.4 ', undefined],
  ['0x1.2.3.4', undefined],
  ['', undefined],
  ['::1', undefined],
]
for (const [text, value] of ADDRESSES)
  t.equal(parseIpv4(text), value, `parseIpv4 ${JSON.stringify(text)}`)

const NETWORKS: readonly [string, Block | RegExp][] = [
  ['10.17.3.0/24', { base: 168887040, last: 168887295, prefix: 24 }],
  ['0.0.0.0/0', { base: 0, last: 4294967295, prefix: 0 }],
  ['10.0.0.1/32', { base: 167772161, last: 167772161, prefix: 32 }],
  ['10.17.3.5/24', /host bits set; the network is 10\.17\.3\.0\/24/],
  ['200.1.2.129/25', /200\.1\.2\.128\/25/],
  ['10.17.3.0/33', /not an IPv4 network/],
  ['10.17.3.0', /not an IPv4 network/],
  ['10.17.3.0/24/1', /not an IPv4 network/],
  ['10.17.3/24', /not an IPv4 network/],
  ['10.17.3.0/-1', /not an IPv4 network/],
]
for (const [text, wanted] of NETWORKS) {
  const block = parseCidr(text)
  if (wanted instanceof RegExp) t.match(block, wanted, text)
  else t.same(block, wanted, text)
}

const block = (cidr: string): Block => parseCidr(cidr) as Block
const HOSTS: readonly [string, string, boolean][] = [
  ['10.17.3.0/24', '10.17.3.1', true],
  ['10.17.3.0/24', '10.17.3.254', true],
  ['10.17.3.0/24', '10.17.3.0', false],
  ['10.17.3.0/24', '10.17.3.255', false],
  ['10.17.3.0/24', '10.17.4.1', false],
  ['10.0.0.0/31', '10.0.0.0', true],
  ['10.0.0.0/31', '10.0.0.1', true],
  ['10.0.0.7/32', '10.0.0.7', true],
  ['10.0.0.7/32', '10.0.0.8', false],
]
for (const [cidr, address, wanted] of HOSTS)
  t.equal(isHostAddress(block(cidr), parseIpv4(address) ?? -1), wanted, `${address} in ${cidr}`)

t.equal(overlaps(block('10.0.0.0/8'), block('10.17.3.0/24')), true)
t.equal(overlaps(block('10.17.3.0/24'), block('10.0.0.0/8')), true)
t.equal(overlaps(block('10.17.3.0/24'), block('10.17.4.0/24')), false)
