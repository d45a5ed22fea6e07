import { ask, excerpt, inventory, probe, TaskError, type Host, type Nic } from '../../lib/index.ts'

/** The question for the IPv4 addresses of this host. A role that moves one forecasts its answer. */
export const ADDRESSES = 'ip -o -4 addr show'

/** An IPv4 address of a host. */
export interface Held {
  readonly device: string
  /** With prefix length. */
  readonly address: string
}

/** Parses `ip -o -4 addr show` (ip-address(8)): one address a line. Throws TaskError for any other line. */
export const parseHeld = (text: string): Held[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [, device, address, prefix] =
        /^\d+: (\S{1,15}) +inet (\d+(?:\.\d+){3})(?: peer [\d.]+)?\/(\d{1,2}) /.exec(line) ?? []
      if (device === undefined || address === undefined || prefix === undefined)
        throw new TaskError(`this is not an address of a device: ${excerpt(line)}`)
      return { device, address: `${address}/${prefix}` }
    })

/** `ip -o -4 addr show` of a host with these addresses. */
export const heldText = (held: readonly Held[]): string =>
  held
    .map(({ device, address }, i) => `${i + 1}: ${device} inet ${address} scope global\n`)
    .join('')

/** For a forecast: the question, and its answer once the host has these addresses. */
export const heldAfter = (held: readonly Held[]) =>
  [ask('command', ADDRESSES), { code: 0, stdout: heldText(held), stderr: '' }] as const

/**
 * The device that carries an address. `expected`: the inventory's name for it, which decides when several carry it.
 * Throws TaskError that says what is there.
 */
export function carrierOf(
  held: readonly Held[],
  { address, expected, host }: { address: string; expected: string; host: string },
): string {
  const found = held.filter(h => h.address.startsWith(`${address}/`)).map(h => h.device)
  const there = held
    .filter(h => h.device !== 'lo')
    .map(h => `${h.device} (${h.address})`)
    .join(', ')
  const [first] = found
  if (first === undefined)
    throw new TaskError(
      `no interface of ${host} has the address ${address}: ${there === '' ? 'it has no address' : `there are ${there}`}`,
      {
        hint: `correct the address under nics of ${host} in the inventory, or configure it on ${host}`,
      },
    )
  if (found.length === 1) return first
  if (found.includes(expected)) return expected
  throw new TaskError(
    `several interfaces of ${host} have the address ${address}: ${found.join(', ')}`,
    {
      hint: `take the address off all but one of them, or name the one to use as device: of that NIC of ${host}`,
    },
  )
}

/**
 * The interface of this host that carries a NIC's address, as the host says: its name and position in the inventory are
 * no fact. A new host gets the inventory's names, and a VPN's device comes from the role wireguard.
 * Throws TaskError that says what is there.
 *
 * @example
 * const [nic] = host.nics
 * const flannel = nic && (await interfaceOf(host, nic))
 */
export async function interfaceOf(host: Pick<Host, 'name' | 'nics'>, nic: Nic): Promise<string> {
  const { networks } = inventory()
  if (networks.get(nic.network)?.mode === 'wireguard') return nic.device
  const whenNew = heldText(
    host.nics.map(n => ({
      device: n.device,
      address: `${n.address}/${networks.get(n.network)?.prefix ?? 32}`,
    })),
  )
  const { stdout, stderr, exitCode } = await probe({ estimate: false, whenNew })`ip -o -4 addr show`
  if (exitCode !== 0)
    throw new TaskError(`cannot read the addresses of ${host.name}: ${stderr.trim()}`)
  return carrierOf(parseHeld(stdout), {
    address: nic.address,
    expected: nic.device,
    host: host.name,
  })
}
