import { Option, type Command } from 'commander'

/** Gives a command with verbs (`fmc lab up`) a help text of its own, which also describes its options. */
export function ownHelp(command: Command, text: string): Command {
  command.helpInformation = () => text
  return command
}

/** An option that the command's own help text describes. */
export const ownOption = (flags: string): Option => new Option(flags).hideHelp()
