import type { Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { repeated, repeatedLists } from './options.ts'

/** Parsers of options whose values add up. */
const ADD_UP: ReadonlySet<unknown> = new Set([repeated, repeatedLists])

/**
 * Makes it an error to give an option twice with different values, in all commands of a program: silently the last one would
 * count. Options whose values add up are left alone. The error does not show the values, which may be misplaced secrets.
 */
export function refuseTwice(command: Command): void {
  for (const option of command.options)
    if (!option.isBoolean() && !option.variadic && !ADD_UP.has(option.parseArg)) refuse(option)
  command.commands.forEach(refuseTwice)
}

function refuse(option: Option): void {
  const { parseArg } = option
  let first: string | undefined
  option.parseArg = <T>(value: string, previous: T): T => {
    if (first !== undefined && first !== value)
      throw new UsageError(`${option.long ?? option.flags} is given twice, with different values`, {
        hint: 'give it once',
      })
    first = value
    return parseArg ? parseArg(value, previous) : (value as T)
  }
}
