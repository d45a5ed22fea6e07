import { EXIT, UsageError } from '../../errors.ts'
import * as lab from '../../lab/index.ts'
import { suggestion } from '../../text/nearest.ts'
import { commaSeparated, type AddCommand } from '../options.ts'
import { errorTerminal, print, printError, printJson, printVersion } from '../print.ts'
import { ownHelp, ownOption } from './own-help.ts'

const HELP = `fmc lab up [HOST…] [--vm HOST,…] [--dirt NAME,…] [--fresh] [--yes] [-i FILE]
                      without HOST: all hosts; with HOST: adds these to the lab.
                      A lab that is up follows an edited inventory: hosts that
                      were not edited run on
                      --dirt: hosts are not blank; it stays so until --dirt none
                      --fresh: takes the lab down first and builds new hosts
fmc lab build [--all] [--yes] [-i FILE]
                      makes what labs of this inventory are made of, and boots
                      nothing: up and --lab make only what they need, once.
                      --all: also for operating systems that no host has
fmc lab down [--all]
fmc lab status [--output json]
fmc lab shell HOST [-- COMMAND…]
fmc lab cut HOST      pull its network cables
fmc lab heal HOST     plug them in again
fmc lab dirt [--output json]
                      what --dirt and lab.dirt can put on the hosts
fmc lab kill HOST     pull its power plug; \`fmc lab up\` boots it again
Everywhere: --name NAME for more than one lab (default: default)
`

const VERBS = ['up', 'build', 'down', 'status', 'dirt', 'shell', 'cut', 'heal', 'kill']

interface Options {
  readonly name: string
  readonly inventory: string
  readonly vm?: readonly string[]
  readonly hosts?: readonly string[]
  readonly dirt?: readonly string[]
  readonly yes?: boolean
  readonly fresh?: boolean
  readonly all?: boolean
  readonly output?: 'plain' | 'json'
  /** The state alone, without the version line: the older form of `--output json`. */
  readonly json?: boolean
}

/** `fmc lab …`: brings the twin up and down, and plays with its cables and plugs. */
export const labCommand: AddCommand = (program, run) => {
  const command = program
    .command('lab [args...]')
    .description('the twin: up, build, down, status, dirt, shell, cut, heal, kill')
    .addOption(ownOption('--name <name>').default(process.env['FMC_LAB'] ?? 'default'))
    .addOption(ownOption('-i, --inventory <file>').default('inventory.yaml'))
    .addOption(ownOption('--vm <hosts>').argParser(commaSeparated))
    .addOption(ownOption('--hosts <hosts>').argParser(commaSeparated))
    .addOption(ownOption('--dirt <names>').argParser(commaSeparated))
    .addOption(ownOption('--fresh'))
    .addOption(ownOption('-y, --yes'))
    .addOption(ownOption('--all'))
    .addOption(ownOption('--output <format>').choices(['plain', 'json']))
    .addOption(ownOption('--json'))
  ownHelp(command, HELP).action((args: string[], o: Options) => run(perform(args, o)))
}

async function perform([verb, ...words]: readonly string[], o: Options): Promise<number> {
  switch (verb) {
    case undefined:
      print(HELP)
      return EXIT.usage
    case 'up':
      return bringUp(words, o)
    case 'build':
      return build(o)
    case 'down':
      return takeDown(o)
    case 'status':
      return printStatus(o)
    case 'dirt':
      return printDirt(o)
    case 'shell':
      return onHost(verb, words, o, (state, host, argv) => lab.shell(state, host, argv))
    case 'cut':
    case 'heal':
    case 'kill':
      return onHost(verb, words, o, async (state, host) => {
        await lab[verb](state, host)
        return EXIT.ok
      })
    default:
      throw new UsageError(`there is no fmc lab ${verb}`, { hint: suggestion(verb, VERBS) })
  }
}

async function bringUp(words: readonly string[], o: Options): Promise<number> {
  const { loadInventory } = await import('../../inventory/load.ts')
  const hosts = [...words, ...(o.hosts ?? [])].filter(Boolean)
  const state = await lab.up(await loadInventory(o.inventory), {
    name: o.name,
    yes: o.yes ?? false,
    fresh: o.fresh ?? false,
    vm: o.vm,
    hosts: hosts.length > 0 ? hosts : undefined,
    // Runs know which programs their roles install.
    roles: [],
    dirt: o.dirt && (await lab.dirtNamed(o.dirt)),
    log: printError,
    terminal: errorTerminal(),
  })
  for (const { role, why } of state.skippedRoles) printError(`role ${role} will be skipped: ${why}`)
  return EXIT.ok
}

async function build(o: Options): Promise<number> {
  const { loadInventory } = await import('../../inventory/load.ts')
  const { skippedRoles } = await lab.makeAll(await loadInventory(o.inventory), {
    yes: o.yes ?? false,
    everything: o.all ?? false,
    log: printError,
    terminal: errorTerminal(),
  })
  return skippedRoles.length > 0 ? EXIT.failed : EXIT.ok
}

async function takeDown(o: Options): Promise<number> {
  for (const name of o.all ? lab.labNames() : [o.name]) await lab.down(name)
  return EXIT.ok
}

async function onHost(
  verb: string,
  [host, ...argv]: readonly string[],
  o: Options,
  act: (state: lab.LabState, host: string, argv: readonly string[]) => Promise<number>,
): Promise<number> {
  const state = lab.stateOf(o.name)
  if (host === undefined) throw new UsageError(`fmc lab ${verb} needs the name of a host`)
  return act(state, host, argv)
}

async function printStatus(o: Options): Promise<number> {
  const state = lab.stateOf(o.name)
  const hosts = await lab.status(state)
  const json = { ...state, hosts: hosts.map(({ host, state: now }) => ({ ...host, state: now })) }
  if (o.output === 'json') {
    printVersion()
    printJson({ type: 'lab', ...json })
  } else if (o.json) printJson(json)
  else print(statusText(state, hosts))
  return EXIT.ok
}

async function printDirt(o: Options): Promise<number> {
  const kinds = Object.entries(await lab.dirtKinds())
  if (o.output === 'json') {
    printVersion()
    for (const [name, { summary, on, vm = false }] of kinds)
      printJson({ type: 'dirt', name, summary, on, vm })
    return EXIT.ok
  }
  const width = Math.max(...kinds.map(([name]) => name.length))
  const lines = kinds.map(
    ([name, { summary, vm }]) =>
      `${name.padEnd(width)}  ${summary}${vm ? ' (virtual machines only: --vm)' : ''}`,
  )
  print(lines.join('\n'))
  return EXIT.ok
}

/** What `fmc lab status` says: the hosts, and what in this lab is real, stands in for something, or is left out. */
export function statusText(state: lab.LabState, hosts: readonly lab.HostStatus[]): string {
  const width = Math.max(...hosts.map(({ host }) => host.name.length))
  const lines = hosts.map(({ host, state: now }) =>
    [
      host.name.padEnd(width),
      host.address.padEnd(15),
      (host.image === true ? 'image' : host.personality).padEnd(8),
      host.vm ? 'qemu  ' : 'nspawn',
      now,
    ].join('  '),
  )
  const section = (title: string, items: readonly string[]): string[] =>
    items.length > 0 ? ['', title, ...items.map(item => `  - ${item}`)] : []
  return [
    `lab ${state.name} in ${state.dir}`,
    ...lines,
    ...(state.absent.length > 0
      ? [
          '',
          state.grows === true
            ? `Not in this lab until a run needs them: ${state.absent.join(', ')} (fmc lab up boots all)`
            : `Not in this lab, unless a role makes them: ${state.absent.join(', ')} (fmc lab up boots them)`,
        ]
      : []),
    ...section('From root file systems of lab.images:', state.fromImages),
    ...section('The real K3s:', state.realK3s ?? []),
    ...section('What is not the real thing:', state.standIns),
    ...section(
      'Roles left out:',
      state.skippedRoles.map(({ role, why }) => `${role}: ${why}`),
    ),
  ].join('\n')
}
