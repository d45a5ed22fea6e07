import type { CommandTree, OptionSpec } from './complete/tree.ts'
import { EXIT_CODES } from './explain/words.ts'

/** Text for roff: no escape and no control line by accident (groff_char(7), roff(7)). */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
    .replaceAll('…', '\\[u2026]')
    .replaceAll('’', "'")

const FILES: readonly (readonly [path: string, what: string])[] = [
  ['inventory.yaml', 'the hosts, networks and variables; beside it playbooks/ and roles/'],
  ['~/.cache/fmc', 'compiled roles and downloads; $FMC_CACHE is another place'],
  [
    '~/.local/state/fmc',
    'records of runs and kept files; $FMC_STATE and $XDG_STATE_HOME are other places',
  ],
  [
    '~/.config/fmc/identity.txt',
    'the age identity that opens secrets files; $FMC_AGE_IDENTITY is another one',
  ],
]

/** The manual page fmc(1) as roff (man(7)), made from the commands themselves. */
export function manPage(tree: CommandTree, version: string): string {
  return [
    `.TH FMC 1 "" "fmc ${roff(version)}" "User Commands"`,
    '.SH NAME',
    'fmc \\- agentless task runner with an exact dry run',
    '.SH SYNOPSIS',
    '.B fmc',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    roff(tree.description),
    '.SH COMMANDS',
    ...tree.commands.flatMap(command => commandText(command, 'fmc')),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(({ names, meaning }) => ['.TP', `.B ${names[0] ?? ''}`, roff(meaning)]),
    '.SH FILES',
    ...FILES.flatMap(([path, what]) => ['.TP', `.I ${roff(path)}`, roff(what)]),
    '.SH SEE ALSO',
    '.BR ssh (1),',
    '.BR ssh_config (5)',
    '',
  ].join('\n')
}

function commandText(command: CommandTree, before: string): string[] {
  const name = `${before} ${command.name}`
  const args = command.args.map(({ name, required, variadic }) => {
    const text = variadic ? `${name}…` : name
    return required ? `<${text}>` : `[${text}]`
  })
  const options = command.options.filter(option => option.description !== '')
  return [
    `.SS "${roff([name, ...args].join(' '))}"`,
    roff(command.description),
    ...(command.verbs.length > 0 ? ['.PP', roff(`Verbs: ${command.verbs.join(', ')}.`)] : []),
    ...options.flatMap(optionText),
    ...(command.examples.length > 0
      ? [
          '.PP',
          'Examples:',
          '.PP',
          '.nf',
          ...command.examples.map(line => `  ${roff(line)}`),
          '.fi',
        ]
      : []),
    ...command.commands.flatMap(inner => commandText(inner, name)),
  ]
}

const optionText = ({ short, long, value, choices, description }: OptionSpec): string[] => [
  '.TP',
  `.BR "${roff([short, long].filter(Boolean).join(', '))}"${value === undefined ? '' : ` " ${roff(value)}"`}`,
  roff(choices ? `${description} (${choices.join(', ')})` : description),
]
