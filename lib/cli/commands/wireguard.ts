import { existsSync } from 'node:fs'
import { EXIT, UsageError } from '../../errors.ts'
import type { Host, Inventory, Network } from '../../inventory/types.ts'
import type { Secret } from '../../secrets/secret.ts'
import { quote } from '../../shell/quote.ts'
import { insideLab } from '../../lab/index.ts'
import type { Context } from '../context.ts'
import { extraVarsOption, inLabIfAsked, noRoles, inventoryOption } from '../options.ts'
import type { AddCommand, LoginOptions } from '../options.ts'
import { isTerminal, printError, printFile, printPicture } from '../print.ts'

interface ClientOptions extends LoginOptions {
  readonly network?: string
  readonly random?: boolean
  readonly address?: string
  readonly hubKey?: string
  readonly out?: string
  /** Default: on a terminal. */
  readonly qr?: boolean
}

/** `fmc wireguard client NAME`: a device's configuration for the VPN. Nothing is changed on any host. */
export const wireguard: AddCommand = (program, run) => {
  program
    .command('wireguard')
    .description('the VPN: client')
    .command('client <name>')
    .description(
      "a road warrior's whole configuration with its private key, and on a terminal its QR code",
    )
    .addOption(inventoryOption())
    .addOption(extraVarsOption())
    .option('--random', 'make a new key instead of using the one in the secrets')
    .option(
      '--address <address>',
      'with --random: address of the new device; default: the first free one',
    )
    .option('--network <name>', 'which VPN, if there are several')
    .option('--hub-key <key>', "the hub's public key; default: ask the hub")
    .option('--out <file>', 'write it to a file that only you may read, instead of printing it')
    .option('--qr', 'print the QR code even if stdout is not a terminal')
    .option('--no-qr', 'print no QR code')
    .option('-K, --ask-become-pass', 'ask for the sudo password, once')
    .option('--identity <file>', 'age identity that opens the secrets file')
    .option('--lab', "for the lab's VPN")
    .action((name: string, o: ClientOptions) =>
      run(inLabIfAsked(o, () => printClient(name, o), noRoles)),
    )
}

/** What roles/wireguard/client.ts exports. */
type MakeClient = (request: {
  readonly inventory: Inventory
  readonly network: Network
  readonly hub: Host
  readonly name: string
  readonly random: boolean
  readonly address: string | undefined
}) => {
  readonly config: (hubKey: string) => Secret
  readonly declare: string | undefined
  readonly hubDevice: string
}

/**
 * Prints the configuration, private key included: on stdout, on a terminal also as a QR code, or into a file that only
 * the user may read.
 */
async function printClient(name: string, o: ClientOptions): Promise<number> {
  if (o.out !== undefined && existsSync(o.out)) throw new UsageError(`${o.out} already exists`)
  const [{ loadPart, loadRole }, { openContext, withSecrets }] = await Promise.all([
    import('../load.ts'),
    import('../context.ts'),
  ])
  const context = await openContext(o, await insideLab())
  const [network, hub] = hubOf(context.inventory, o.network)
  const { vars } = await loadRole('wireguard', o.inventory)
  const keys = new Set(Object.keys(vars.shape))
  const inventory = await withSecrets(context, new Set([hub.name]), keys, o)
  const make = await loadPart<MakeClient>('wireguard', 'client.ts', o.inventory)
  const client = make({
    inventory,
    network,
    hub: inventory.hosts.get(hub.name) ?? hub,
    name,
    random: o.random ?? false,
    address: o.address,
  })
  const key = o.hubKey ?? (await askHub(context, hub, client.hubDevice))
  await give(client.config(key).reveal(), o)
  if (client.declare !== undefined)
    printError(
      `\nTo let the device in, add this entry to wireguard_peers of ${hub.name} and run fmc role wireguard ${hub.name}:\n  ${client.declare}`,
    )
  return EXIT.ok
}

function hubOf(inventory: Inventory, wanted: string | undefined): [Network, Host] {
  const vpns = [...inventory.networks.values()].filter(n => n.mode === 'wireguard')
  const [network, second] = vpns.filter(n => wanted === undefined || n.name === wanted)
  const hub = inventory.hosts.get(network?.router ?? '')
  if (!network || !hub)
    throw new UsageError(`the inventory has no VPN${wanted === undefined ? '' : ` ${wanted}`}`, {
      hint: 'add a network with mode: wireguard, and name its hub in router:',
    })
  if (second)
    throw new UsageError(`the inventory has several VPNs: ${vpns.map(n => n.name).join(', ')}`, {
      hint: '--network NAME',
    })
  return [network, hub]
}

async function askHub(context: Context, hub: Host, device: string): Promise<string> {
  const { openSession } = await import('../../ssh/index.ts')
  const { session } = await openSession(context.targetOf(hub))
  try {
    const file = `/etc/wireguard/${device}.key`
    const { code, stdout } = await session.run(`wg pubkey <${quote(file)}`)
    if (code === 0 && /^[A-Za-z0-9+/]{43}=\n$/.test(stdout)) return stdout.trim()
    throw new UsageError(`${hub.name} has no key yet`, { hint: `fmc role wireguard ${hub.name}` })
  } finally {
    session.close()
  }
}

async function give(text: string, { out, qr }: ClientOptions): Promise<void> {
  if (out === undefined) printFile(text)
  else {
    const { createFile } = await import('../../secrets/store.ts')
    await createFile(out, text)
  }
  if (qr ?? (out === undefined && isTerminal())) printPicture(await qrCode(text))
}

/** White on black whatever the terminal's colours are: cameras need that. */
async function qrCode(text: string): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr')
  const lines = renderUnicodeCompact(text, { border: 2 }).split('\n')
  return `\n${lines.map(line => `\x1b[97;40m${line}\x1b[0m\n`).join('')}`
}
