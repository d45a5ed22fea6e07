import { Command, CommanderError, Option } from 'commander'
import { EXIT, FmcError, UsageError } from '../errors.ts'
import type { ExplainOptions } from './commands/firewall.ts'
import type { ImportOptions } from './commands/import.ts'
import type { PlayOptions } from './perform.ts'
import { ignoreClosedReaders, print, printError, printFile } from './print.ts'
import type { AdHocOptions } from './on-hosts.ts'
import type { ClientOptions } from './commands/wireguard.ts'

declare const FMC_VERSION: string

const inventoryOption = (): Option =>
  new Option('-i, --inventory <file>', 'inventory file').default('inventory.yaml')
const extraVars = (): Option =>
  new Option(
    '-e, --extra-vars <k=v>',
    'set a variable; @file.yaml reads a file (repeatable)',
  ).argParser((value: string, all: string[] | undefined) => [...(all ?? []), value])
const words = (value: string): string[] =>
  value
    .split(',')
    .map(w => w.trim())
    .filter(Boolean)

interface LabFlags {
  readonly inventory: string
  readonly lab?: boolean
  readonly vm?: readonly string[]
  readonly yes?: boolean
}

const withHosts = (command: Command): Command =>
  command
    .addOption(inventoryOption())
    .addOption(extraVars())
    .option('--forks <n>', 'hosts worked on at the same time', '50')
    .option('-K, --ask-become-pass', 'ask for the sudo password, once')
    .option('--identity <file>', 'age identity that opens the secrets file')
    .addOption(
      new Option(
        '--output <format>',
        'tty, plain, or json (NDJSON); default: tty on a terminal',
      ).choices(['tty', 'plain', 'json']),
    )
    .option('--lab', "run against the lab: a twin of the inventory on this machine (see 'fmc lab')")
    .option(
      '--vm <hosts>',
      'with --lab: boot these hosts as QEMU machines with a kernel of their own',
      words,
    )
    .option('--yes', 'with --lab: install what the lab needs without asking')

const withPlay = (command: Command): Command =>
  withHosts(command)
    .option('--dry-run', 'say what would change; writes nothing')
    .option('-C, --check', 'the same as --dry-run')
    .option('--diff', 'show what changes in files')
    .option('--exit-code', 'with --dry-run: exit 3 when changes are pending')
    .option(
      '--artifacts <dir>',
      'take downloads from a directory, for sites without Internet (FMC_ARTIFACTS)',
    )
    .option('-v, --verbose', 'show tasks that are ok, too')

/** Runs the command inside the lab's network when --lab asks for it and it is not there yet. */
async function maybeInLab(o: LabFlags, work: () => Promise<number>): Promise<number> {
  if (!o.lab || process.env['FMC_INSIDE_LAB'] !== undefined) return work()
  const { enterLab } = await import('../lab/inside.ts')
  return enterLab({
    inventory: o.inventory,
    vm: o.vm,
    yes: o.yes ?? false,
    say: printError,
  })
}

/** Runs fmc with these arguments. Resolves with the exit code; prints errors itself. */
export async function main(argv: readonly string[]): Promise<number> {
  ignoreClosedReaders()
  let code: number = EXIT.ok
  const set = async (result: Promise<number>): Promise<void> => {
    code = await result
  }
  const program = build(set)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    return explain(error)
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof FmcError) {
    printError(`fmc: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`)
    return error.exitCode
  }
  printError(
    `fmc: this is a bug in fmc\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
  return EXIT.failed
}

/** What was given to an option that does not exist may be a secret: "--password=…". */
const withoutValues = (text: string): string =>
  text.replace(/(unknown option '[^'=]*=)[^]*?'(?=\n|$)/, "$1…'")

function build(set: (result: Promise<number>) => Promise<void>): Command {
  const program = new Command('fmc')
    .description(
      'Brings hosts to a declared state over SSH, and says beforehand exactly what would change.',
    )
    .version(FMC_VERSION)
    .configureOutput({
      writeOut: print,
      writeErr: printError,
      outputError: (text, write) => write(withoutValues(text)),
    })
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nExit codes: 0 fine, 1 usage or inventory error, 2 a task failed, 3 changes pending (--dry-run --exit-code), 4 a host was unreachable, 130 interrupted.',
    )

  withPlay(
    program
      .command('play <playbook>')
      .description(
        'run a playbook, playbooks/<name>.ts: site, or to operate it health, reboot, k3s-upgrade, etcd-snapshot, etcd-restore, node-replace, remove, certificates, flatcar-update',
      ),
  )
    .option('-l, --limit <pattern>', 'only these hosts')
    .option('-t, --tags <tags>', 'only plays or roles with one of these tags', words)
    .option('--role <role>', 'only this role')
    .action((name: string, o: PlayOptions & LabFlags) =>
      set(maybeInLab(o, async () => (await import('./perform.ts')).playCommand(name, o))),
    )
  withPlay(
    program.command('role <role> <pattern>').description('run one role on the hosts of a pattern'),
  ).action((name: string, pattern: string, o: PlayOptions & LabFlags) =>
    set(maybeInLab(o, async () => (await import('./perform.ts')).roleCommand(name, pattern, o))),
  )
  withHosts(
    program
      .command('run <pattern> [command...]')
      .description('run one command on many hosts: fmc run PATTERN -- COMMAND'),
  ).action((pattern: string, command: string[], o: AdHocOptions & LabFlags) =>
    set(maybeInLab(o, async () => (await import('./on-hosts.ts')).runCommand(pattern, command, o))),
  )
  withHosts(
    program.command('facts <pattern>').description('what the hosts say about themselves'),
  ).action((pattern: string, o: AdHocOptions & LabFlags) =>
    set(maybeInLab(o, async () => (await import('./on-hosts.ts')).factsCommand(pattern, o))),
  )
  program
    .command('hosts [pattern]')
    .description('hosts of a pattern; of one host everything the inventory says')
    .addOption(inventoryOption())
    .addOption(extraVars())
    .option('--json', 'as JSON')
    .option('--lab', 'accepted like everywhere; the lab has the same hosts')
    .action(
      (
        pattern: string | undefined,
        o: { inventory: string; extraVars?: string[]; json?: boolean },
      ) => set(hostsCommand(pattern ?? 'all', o)),
    )
  program
    .command('lint')
    .description('check the inventory and the variables of the roles')
    .addOption(inventoryOption())
    .option('--json', 'as JSON')
    .option('--schema', "print the inventory's JSON Schema for editors")
    .option('--playbook <name>', 'whose roles and hosts to check', 'site')
    .option('--lab', 'accepted like everywhere; the lab has the same inventory')
    .action((o: { inventory: string; json?: boolean; schema?: boolean; playbook: string }) =>
      set(lintInventory(o)),
    )
  program
    .command('doc [role]')
    .description('the roles, or the variables and the manual of one')
    .addOption(inventoryOption())
    .action((name: string | undefined, o: { inventory: string }) => set(docs(name, o.inventory)))
  program
    .command('import <from> <file>')
    .description(
      'an inventory of another tool as inventory.yaml: fmc import ansible hosts.ini; what cannot be carried over is reported on stderr',
    )
    .option('-o, --out <file>', 'write it there instead of to stdout')
    .option('--force', 'even if that file exists')
    .option('--os <os>', 'operating system of all hosts, such as "debian 12"')
    .action((from: string, file: string, o: ImportOptions) => set(importInventory(from, file, o)))
  program
    .command('firewall')
    .description('who may reach whom, as the inventory declares it; no host is asked')
    .command('explain <from> <to> <port>')
    .description(
      'which rule decides on a new connection, host by host on its way. FROM and TO: a host, VIP, network, address or `wan`; PORT: 443, 53/udp or ping',
    )
    .addOption(inventoryOption())
    .addOption(extraVars())
    .option('--json', 'as JSON')
    .option('--lab', 'accepted like everywhere; the lab has the same inventory')
    .action((from: string, to: string, port: string, o: ExplainOptions) =>
      set(explainFlow(from, to, port, o)),
    )
  program
    .command('lab [args...]')
    .description('the twin: up, down, status, shell, cut, heal, kill')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => set(import('./commands/lab.ts').then(m => m.lab(args))))
  const wireguard = program.command('wireguard').description('the VPN: client')
  wireguard
    .command('client <name>')
    .description(
      "a road warrior's whole configuration with its private key, and on a terminal its QR code",
    )
    .addOption(inventoryOption())
    .addOption(extraVars())
    .option('--random', 'make a new key instead of taking the one of the secrets')
    .option('--address <address>', 'with --random, of a new device; default: the first free one')
    .option('--network <name>', 'of several VPNs')
    .option('--hub-key <key>', "the hub's public key; default: the hub is asked")
    .option('--out <file>', 'write it there, for you alone, instead of printing it')
    .option('--qr', 'print the QR code, too, though this is no terminal')
    .option('--no-qr', 'print no QR code')
    .option('-K, --ask-become-pass', 'ask for the sudo password, once')
    .option('--identity <file>', 'age identity that opens the secrets file')
    .option('--lab', 'of the lab')
    .action((name: string, o: ClientOptions & LabFlags) =>
      set(
        maybeInLab(o, async () => (await import('./commands/wireguard.ts')).clientCommand(name, o)),
      ),
    )
  program
    .command('secrets [args...]')
    .description('the encrypted secrets file: init, edit, set, rekey')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => set(secretsCommand(args)))
  return program
}

async function hostsCommand(
  pattern: string,
  o: { inventory: string; extraVars?: string[]; json?: boolean },
): Promise<number> {
  const [{ openContext }, { hosts }] = await Promise.all([
    import('./context.ts'),
    import('./commands/hosts.ts'),
  ])
  const { inventory } = await openContext(o, undefined)
  print(hosts({ inventory, pattern, json: o.json ?? false }))
  return EXIT.ok
}

async function lintInventory(o: {
  inventory: string
  json?: boolean
  schema?: boolean
  playbook: string
}): Promise<number> {
  const [{ lintCommand, lintSchema }, { roleHosts }] = await Promise.all([
    import('./commands/lint.ts'),
    import('./role-hosts.ts'),
  ])
  if (o.schema) {
    print(await lintSchema(await roleHosts(o.inventory, undefined)))
    return EXIT.ok
  }
  const { text, exitCode } = await lintCommand({
    file: o.inventory,
    json: o.json ?? false,
    roles: inventory => roleHosts(o.inventory, inventory, o.playbook),
  })
  print(text)
  return exitCode
}

async function importInventory(from: string, file: string, o: ImportOptions): Promise<number> {
  if (from !== 'ansible')
    throw new UsageError(`fmc cannot import from ${from}`, { hint: 'fmc import ansible FILE' })
  const { text, report, exitCode } = await (
    await import('./commands/import.ts')
  ).importAnsible(file, o)
  if (text !== '') printFile(text)
  printError(report)
  return exitCode
}

async function explainFlow(
  from: string,
  to: string,
  port: string,
  o: ExplainOptions,
): Promise<number> {
  const { explainCommand } = await import('./commands/firewall.ts')
  const { text, exitCode } = await explainCommand(from, to, port, o)
  print(text)
  return exitCode
}

async function docs(name: string | undefined, inventory: string): Promise<number> {
  print(await (await import('./commands/doc.ts')).docCommand(name, inventory))
  return EXIT.ok
}

async function secretsCommand(args: readonly string[]): Promise<number> {
  const { processIo, secrets } = await import('./secrets-file.ts')
  const file = async (): Promise<string> =>
    (await (await import('../inventory/load.ts')).loadInventory('inventory.yaml')).secretsFile
  return secrets(args, processIo(file))
}
