import type { Command } from 'commander'

/** A command of fmc as data: what completion and the manual page know of it. */
export interface CommandTree {
  readonly name: string
  readonly description: string
  /** Such as "<playbook>" and "[command...]". */
  readonly args: readonly ArgSpec[]
  readonly options: readonly OptionSpec[]
  readonly commands: readonly CommandTree[]
  /** First arguments that act like commands (`fmc lab up`), for commands that have their own help text. */
  readonly verbs: readonly string[]
  /** Command lines of its help. */
  readonly examples: readonly string[]
}

export interface ArgSpec {
  readonly name: string
  readonly required: boolean
  readonly variadic: boolean
  readonly choices?: readonly string[] | undefined
}

export interface OptionSpec {
  readonly short?: string | undefined
  readonly long: string
  /** The name of its value, such as "file"; undefined: it takes none. */
  readonly value?: string | undefined
  readonly choices?: readonly string[] | undefined
  readonly description: string
}

/** The tree of a commander program. */
export function treeOf(command: Command): CommandTree {
  const name = command.name()
  return {
    name,
    description: command.description(),
    args: command.registeredArguments.map(arg => ({
      name: arg.name(),
      required: arg.required,
      variadic: arg.variadic,
      choices: arg.argChoices,
    })),
    options: command.options.map(option => ({
      short: option.short,
      long: option.long ?? option.flags,
      value: /[<[](.+?)[>\]]/.exec(option.flags)?.[1],
      choices: option.argChoices,
      description: option.description,
    })),
    commands: command.commands.map(treeOf),
    verbs: [
      ...new Set(
        [...command.helpInformation().matchAll(new RegExp(`^ *fmc ${name} ([a-z]+)\\b`, 'gm'))].map(
          match => match[1] ?? '',
        ),
      ),
    ].filter(verb => !command.commands.some(c => c.name() === verb)),
    examples: examplesIn(helpOf(command)),
  }
}

/** The whole help of a command, also what is added after it. */
function helpOf(command: Command): string {
  let text = ''
  const before = command.configureOutput()
  command.configureOutput({ writeOut: more => (text += more) })
  command.outputHelp()
  command.configureOutput(before)
  return text
}

/** The lines with commands below "Examples:". */
const examplesIn = (help: string): string[] =>
  [...(help.split('\nExamples:\n')[1] ?? '').matchAll(/^ {2}(\S.*)$/gm)].map(([, line = '']) =>
    line.replace(/ {2,}.*$/, ''),
  )
