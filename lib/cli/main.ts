/**
 * The command line: argv becomes a command, and the command an exit code. One file per command in commands/; heavy
 * modules are loaded by the command that needs them, so that `fmc --help` stays fast.
 */
import { Command, CommanderError, Help } from 'commander'
import { EXIT, FmcError } from '../errors.ts'
import { apply } from './commands/apply.ts'
import { approve } from './commands/approve.ts'
import { completion } from './commands/completion.ts'
import { copy } from './commands/copy.ts'
import { doc } from './commands/doc.ts'
import { drift } from './commands/drift.ts'
import { explainCommand } from './commands/explain.ts'
import { facts } from './commands/facts.ts'
import { firewall } from './commands/firewall.ts'
import { graph } from './commands/graph.ts'
import { hooksCommand } from './commands/hooks.ts'
import { hosts } from './commands/hosts.ts'
import { importInventory } from './commands/import.ts'
import { init } from './commands/init.ts'
import { labCommand } from './commands/lab.ts'
import { list } from './commands/list.ts'
import { lint } from './commands/lint.ts'
import { logs } from './commands/logs.ts'
import { manCommand } from './commands/man.ts'
import { plan } from './commands/plan.ts'
import { play } from './commands/play.ts'
import { role } from './commands/role.ts'
import { run } from './commands/run.ts'
import { runs } from './commands/runs.ts'
import { secrets } from './commands/secrets.ts'
import { shard } from './commands/shard.ts'
import { shell } from './commands/shell.ts'
import { show } from './commands/show.ts'
import { support } from './commands/support.ts'
import { test } from './commands/test.ts'
import { upgradeCheck } from './commands/upgrade-check.ts'
import { vars } from './commands/vars.ts'
import { wireguard } from './commands/wireguard.ts'
import { treeOf, type CommandTree } from './complete/tree.ts'
import { EXAMPLES } from './examples.ts'
import { refuseTwice } from './given-twice.ts'
import type { AddCommand, Run } from './options.ts'
import { ignoreClosedReaders, print, printError } from './print.ts'
import { nameSourcesInStackTraces } from './stack-trace.ts'
import { markStarted } from './timing.ts'

declare const FMC_VERSION: string

/** By what one wants to do, in the order of `fmc --help`. */
const COMMANDS: Readonly<Record<string, readonly AddCommand[]>> = {
  'Change hosts:': [play, role, plan, show, approve, apply, copy, shard],
  'Look at hosts:': [drift, facts, run, shell, logs],
  'Look at runs:': [runs, hooksCommand],
  'Look at the project:': [hosts, vars, graph, lint, list, doc, firewall],
  'Rehearse:': [labCommand, test],
  'Start a project:': [init, importInventory, upgradeCheck],
  'Secrets and keys:': [secrets, wireguard],
  'Learn fmc:': [explainCommand, support, completion, manCommand(() => commandTree())],
}

/** Runs fmc with these arguments. Resolves with the exit code; prints errors itself. */
export async function main(argv: readonly string[]): Promise<number> {
  markStarted()
  nameSourcesInStackTraces()
  ignoreClosedReaders()
  let code: number = EXIT.ok
  const set: Run = async exitCode => {
    code = await exitCode
  }
  const program = build(set)
  try {
    await program.parseAsync(withoutHelpOfNothing(program, helpOfInner(argv)), { from: 'user' })
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

/** Commander's `help` takes one word. `fmc help runs report` is `fmc runs report --help`. */
const helpOfInner = (argv: readonly string[]): string[] =>
  argv[0] === 'help' && argv.length > 2 ? [...argv.slice(1), '--help'] : [...argv]

/**
 * Commander shows the help of the last command that it knows: `fmc nosuch --help` would show that of fmc, and end well. Without
 * `--help` it says that there is no such command.
 */
function withoutHelpOfNothing(program: Command, argv: readonly string[]): string[] {
  let command = program
  for (const word of argv) {
    if (word.startsWith('-') || command.commands.length === 0) break
    const inner = command.commands.find(c => c.name() === word || c.aliases().includes(word))
    if (inner === undefined)
      return word === 'help' || command.registeredArguments.length > 0
        ? [...argv]
        : argv.filter(a => a !== '--help' && a !== '-h')
    command = inner
  }
  return [...argv]
}

/** The value of an option that does not exist may be a secret: "--password=…", "-p…". */
const withoutValues = (text: string): string =>
  text
    .replace(/(unknown option '[^'=]*=)[^]*?'(?=\n|$)/, "$1…'")
    .replace(/(unknown option '-[^-])[^]+?'(?=\n|$)/, "$1…'")

/** As commander's own, but "[options]" stands only where the generated help lists options (own-help.ts). */
const subcommandTerm = (command: Command): string => {
  const term = new Help().subcommandTerm(command)
  return command.options.every(o => o.hidden) ? term.replace(' [options]', '') : term
}

/** All commands as data; the build writes it to dist/commands.json. */
export const commandTree = (): CommandTree => treeOf(build(() => Promise.resolve()))

/** Adds the examples to the help of each command, and the way to that help to its errors. */
function addExamples(command: Command, path: readonly string[]): void {
  command.showHelpAfterError(`  ${['fmc', ...path, '--help'].join(' ')}`)
  const examples = EXAMPLES[path.join(' ')]
  if (examples)
    command.addHelpText('after', `\nExamples:\n${examples.map(e => `  ${e}`).join('\n')}`)
  for (const inner of command.commands) addExamples(inner, [...path, inner.name()])
}

export function build(set: Run): Command {
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
    .configureHelp({ showGlobalOptions: true, subcommandTerm })
    .addHelpText(
      'after',
      '\nExit codes: 0 fine, 1 usage or inventory error, 2 a task failed,\n3 changes pending (--dry-run --exit-code; drift), 4 a host was unreachable,\n130 interrupted, 143 terminated.',
    )

  for (const [heading, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading)
    for (const add of commands) add(program, set)
  }
  refuseTwice(program)
  addExamples(program, [])
  return program
}
