import type { Event, Failure } from '../engine/events.ts'
import { FmcError } from '../errors.ts'
import { quote } from '../shell/quote.ts'

/** The options that say which hosts a command means. A hint without them would mean other ones. */
interface OwnFlags {
  readonly inventory: string
  readonly lab?: boolean
}

/** "another fmc run holds the lock" is no command. */
const COMMAND = /\bfmc (?:(?:play|role)(?= [a-z])|run(?= \S+ -- ))/g

/**
 * The commands in a text, with the user's own --lab and -i: a pasted command then works on the same hosts.
 *
 *     withOwnFlags('fmc play site --limit m2', { inventory: 'my.yaml', lab: true })
 *     // fmc play --lab -i my.yaml site --limit m2
 */
export function withOwnFlags(text: string, { inventory, lab }: OwnFlags): string {
  const flags = [
    ...(lab ? ['--lab'] : []),
    ...(inventory === 'inventory.yaml' ? [] : [`-i ${quote(inventory)}`]),
  ]
  return text.replace(COMMAND, command => [command, ...flags].join(' '))
}

/** An error whose message and hint name commands as the user has to type them. */
export function errorWithOwnFlags(error: unknown, o: OwnFlags): unknown {
  if (!(error instanceof FmcError)) return error
  const { message, hint } = error
  return Object.assign(error, {
    message: withOwnFlags(message, o),
    hint: hint === undefined ? undefined : withOwnFlags(hint, o),
  })
}

/** An event whose failure or findings name commands as the user has to type them. Output of hosts stays as it is. */
export function eventWithOwnFlags(event: Event, o: OwnFlags): Event {
  const hinted = <T extends { readonly hint?: string }>(thing: T): T =>
    thing.hint === undefined ? thing : { ...thing, hint: withOwnFlags(thing.hint, o) }
  if (event.type === 'page') return { ...event, findings: event.findings.map(hinted) }
  if (!('failure' in event)) return event
  const failure: Failure = { ...event.failure, message: withOwnFlags(event.failure.message, o) }
  return { ...event, failure: hinted(failure) }
}
