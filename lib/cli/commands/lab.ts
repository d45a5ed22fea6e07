import { parseArgs } from 'node:util'
import { UsageError } from '../../errors.ts'
import { loadInventory } from '../../inventory/load.ts'
import { print, printError, printJson } from '../print.ts'
import { cut, down, heal, kill, shell, stateOf, status, up } from '../../lab/index.ts'

/** Help of `fmc lab`. */
export const LAB_USAGE = `fmc lab up [HOST…] [--vm HOST,…] [--yes] [-i FILE]
                      without HOST all; with it only these, and those it has
fmc lab down [--all]
fmc lab status [--json]
fmc lab shell HOST [-- COMMAND…]
fmc lab cut HOST      pull its network cables
fmc lab heal HOST     plug them in again
fmc lab kill HOST     pull its power plug; \`fmc lab up\` boots it again
Everywhere: --name NAME for more than one lab (default: default)
`

const OPTIONS = {
  name: { type: 'string', default: process.env.FMC_LAB ?? 'default' },
  inventory: { type: 'string', short: 'i', default: 'inventory.yaml' },
  vm: { type: 'string' },
  hosts: { type: 'string' },
  yes: { type: 'boolean', short: 'y', default: false },
  all: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Options = ReturnType<typeof parse>['values']

const parse = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), {
      hint: 'fmc lab --help',
    })
  }
}

/** `fmc lab …`; argv without `lab`. Returns the exit code. */
export async function lab(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv)
  const [command, ...words] = positionals
  if (values.help || command === undefined) {
    print(LAB_USAGE)
    return values.help ? 0 : 1
  }
  if (command === 'up') return bringUp(values, words)
  if (command === 'down') return takeDown(values)
  if (command === 'status') return printStatus(values)
  const [host, ...rest] = words
  const state = stateOf(values.name)
  const action = { cut, heal, kill }[command]
  if (command !== 'shell' && action === undefined)
    throw new UsageError(`there is no fmc lab ${command}`, { hint: 'fmc lab --help' })
  if (host === undefined) throw new UsageError(`fmc lab ${command} needs the name of a host`)
  if (action === undefined) return shell(state, host, rest)
  await action(state, host)
  return 0
}

const bringUp = async (options: Options, words: readonly string[]): Promise<number> => {
  const inventory = await loadInventory(options.inventory)
  const { name, yes } = options
  const named = [...words, ...(options.hosts?.split(',') ?? [])].filter(Boolean)
  const state = await up(inventory, {
    name,
    yes,
    vm: options.vm?.split(',').filter(Boolean),
    hosts: named.length > 0 ? named : undefined,
    log: printError,
  })
  for (const { role, why } of state.skippedRoles) printError(`role ${role} will be skipped: ${why}`)
  return 0
}

const takeDown = async (options: Options): Promise<number> => {
  const { labNames } = await import('../../lab/index.ts')
  for (const name of options.all ? labNames() : [options.name]) await down(name)
  return 0
}

const printStatus = async (options: Options): Promise<number> => {
  const state = stateOf(options.name)
  const hosts = await status(state)
  if (options.json) {
    const list = hosts.map(({ host, state: now }) => ({ ...host, state: now }))
    printJson({ ...state, hosts: list })
    return 0
  }
  const width = Math.max(...hosts.map(({ host }) => host.name.length))
  const lines = hosts.map(({ host, state: now }) =>
    [
      host.name.padEnd(width),
      host.address.padEnd(15),
      (host.image === true ? 'image' : host.personality).padEnd(7),
      host.vm ? 'qemu  ' : 'nspawn',
      now,
    ].join('  '),
  )
  const notes = state.standIns.map(text => `  - ${text}`)
  const images = state.fromImages.map(text => `  - ${text}`)
  const skipped = state.skippedRoles.map(({ role, why }) => `  - ${role}: ${why}`)
  const parts = [
    `lab ${state.name} in ${state.dir}`,
    ...lines,
    ...(state.absent.length > 0
      ? [
          '',
          `Not in this lab, unless a role makes them: ${state.absent.join(', ')} (fmc lab up boots them)`,
        ]
      : []),
    ...(images.length > 0 ? ['', 'From root file systems of lab.images:', ...images] : []),
    ...(notes.length > 0 ? ['', 'What is not the real thing:', ...notes] : []),
    ...(skipped.length > 0 ? ['', 'Roles left out:', ...skipped] : []),
  ]
  print(parts.join('\n'))
  return 0
}
