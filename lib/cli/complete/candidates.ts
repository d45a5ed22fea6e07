import { DIRT } from '../../inventory/dirt.ts'
import type { CommandTree, OptionSpec } from './tree.ts'

/** A word that fits, with what it is. One that ends with = : or / is only the begin of a word. */
export interface Candidate {
  readonly value: string
  readonly about?: string | undefined
}

/** `files`: the shell completes names of files itself. */
export type Completion = readonly Candidate[] | 'files' | 'directories'

/** What the project has, asked for only when it is needed. */
export interface Names {
  playbooks(): Iterable<string>
  roles(): Iterable<string>
  hosts(): Promise<Iterable<string>>
  groups(): Promise<Iterable<string>>
  variables(): Promise<Iterable<string>>
  /** Of a playbook; undefined: of all. */
  tags(playbook: string | undefined): Iterable<string>
  /** The names of YAML files and directories that begin with this text. */
  yamlFiles(begin: string): Iterable<string>
}

const HELP: OptionSpec = { short: '-h', long: '--help', description: 'display help for command' }

/** The words that may stand at the end of a command line. `words`: without "fmc"; the last is the one to complete. */
export async function complete(
  tree: CommandTree,
  words: readonly string[],
  names: Names,
): Promise<Completion> {
  const place = placeOf(tree, words.slice(0, -1))
  const word = words.at(-1) ?? ''
  const { command, given, open, onlyArgs } = place
  if (open) return fitting(await valuesOf(open, word, place, names), word)
  if (!onlyArgs && word.startsWith('-')) {
    const [, flag = '', value] =
      /^(--[^=]+)=(.*)$/s.exec(word) ?? /^(-[A-Za-z])(.+)$/s.exec(word) ?? []
    const option = optionOf(command, flag)
    if (value !== undefined && option?.value !== undefined) {
      const found = await valuesOf(option, value, place, names)
      const before = word.slice(0, word.length - value.length)
      return typeof found === 'string'
        ? found
        : fitting(
            found.map(c => ({ ...c, value: before + c.value })),
            word,
          )
    }
    return fitting(
      [...command.options, HELP].map(o => ({ value: o.long, about: o.description })),
      word,
    )
  }
  const [first] = given
  const starts = [
    ...command.commands.map(c => ({ value: c.name, about: c.description })),
    ...command.verbs.map(value => ({ value })),
  ]
  if (first === undefined && starts.length > 0) return fitting(starts, word)
  return fitting(await argument(place, word, names), word)
}

/** Where the last word stands. */
interface Place {
  readonly command: CommandTree
  /** The names of the commands up to this one. */
  readonly path: readonly string[]
  /** The command's arguments so far. */
  readonly given: readonly string[]
  /** The option whose value the last word is. */
  readonly open?: OptionSpec | undefined
  /** After --: no options any more. */
  readonly onlyArgs: boolean
}

function placeOf(tree: CommandTree, words: readonly string[]): Place {
  let command = tree
  const path: string[] = []
  const given: string[] = []
  let open: OptionSpec | undefined
  let onlyArgs = false
  for (const word of words) {
    if (open) open = undefined
    else if (!onlyArgs && word === '--') onlyArgs = true
    else if (!onlyArgs && word.startsWith('-') && word.length > 1) {
      const option = optionOf(command, word)
      open = option?.value === undefined ? undefined : option
    } else {
      const next = given.length === 0 ? command.commands.find(c => c.name === word) : undefined
      if (next) {
        command = next
        path.push(word)
      } else given.push(word)
    }
  }
  return { command, path, given, open, onlyArgs }
}

const optionOf = (command: CommandTree, flag: string): OptionSpec | undefined =>
  command.options.find(o => o.long === flag || o.short === flag)

async function valuesOf(
  option: OptionSpec,
  word: string,
  { path, given }: Place,
  names: Names,
): Promise<Completion> {
  if (option.choices) return plain(option.choices)
  switch (option.long) {
    case '--limit':
      if (word.startsWith('@')) return files(word, names, ['@failed'])
      return [...(await pattern(word, names)), ...plain(['@failed'])]
    case '--extra-vars':
      if (word.startsWith('@')) return files(word, names)
      return word.includes('=') ? [] : plain([...(await names.variables())].map(name => `${name}=`))
    case '--tags':
    case '--skip-tags':
      return list(
        word,
        names.tags(
          path[0] === 'play' || path[0] === 'plan'
            ? given[0]
            : path[0] === 'drift'
              ? (given[0] ?? 'site')
              : undefined,
        ),
      )
    case '--vm':
    case '--hosts':
      return list(word, await names.hosts())
    case '--host':
      return plain(await names.hosts())
    case '--dirt':
      return list(word, [...DIRT, 'none'])
    case '--role':
      return plain(names.roles())
    case '--start-at':
      return word.includes('/') ? [] : plain([...names.roles()].map(name => `${name}/`))
    case '--playbook':
      return plain(names.playbooks())
    default:
      if (option.value === 'dir') return 'directories'
      return option.value === 'file' ? 'files' : []
  }
}

async function argument(place: Place, word: string, names: Names): Promise<Completion> {
  const { command, given } = place
  const verbs = command.verbs.length > 0
  if (verbs && command.name === 'lab')
    return given[0] === 'status' || given[0] === 'down' ? [] : plain(await names.hosts())
  const arg = command.args[Math.min(given.length, command.args.length - 1)]
  if (!arg || (given.length >= command.args.length && !arg.variadic)) return []
  if (arg.choices) return plain(arg.choices)
  switch (arg.name) {
    case 'playbook':
      return plain(names.playbooks())
    case 'role':
      return plain(names.roles())
    case 'pattern':
      return pattern(word, names)
    case 'tool':
      return plain(['ansible'])
    case 'host':
    case 'from':
    case 'to':
      return plain(await names.hosts())
    case 'run':
    case 'a':
    case 'b':
      return plain(['last'])
    case 'file':
      return 'files'
    default:
      return []
  }
}

/** The last name in a host pattern: `web:&dc1` → &dc1. */
async function pattern(word: string, names: Names): Promise<Candidate[]> {
  const before = /^.*[,:][&!]?|^[&!]/s.exec(word)?.[0] ?? ''
  return [
    ...[...(await names.groups())].map(name => ({ value: before + name, about: 'group' })),
    ...[...(await names.hosts())].map(name => ({ value: before + name, about: 'host' })),
  ]
}

function list(word: string, all: Iterable<string>): Candidate[] {
  const before = word.slice(0, word.lastIndexOf(',') + 1)
  const used = new Set(before.split(','))
  return plain([...all].filter(name => !used.has(name)).map(name => before + name))
}

const files = (word: string, names: Names, more: readonly string[] = []): Candidate[] =>
  plain([...more, ...[...names.yamlFiles(word.slice(1))].map(file => `@${file}`)])

const plain = (values: Iterable<string>): Candidate[] =>
  [...new Set(values)].map(value => ({ value }))

const fitting = (found: Completion, word: string): Completion =>
  typeof found === 'string' ? found : found.filter(c => c.value.startsWith(word))
