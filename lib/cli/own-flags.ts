import type { Event, Failure } from '../engine/events.ts'
import { FmcError } from '../errors.ts'
import { isSecretive, shownPath, withoutSecrets } from '../secrets/secretive.ts'
import { quote } from '../shell/quote.ts'

/** The options that say which hosts and plays a command means. A hint without them would mean other ones. */
export interface OwnFlags {
  readonly inventory: string
  readonly lab?: boolean
  readonly limit?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
  readonly skipTags?: readonly string[] | undefined
  readonly role?: string | undefined
  readonly shard?: string | undefined
}

/** "another fmc run holds the lock" is no command. One that saves a plan has all its options already (plans/follow.ts). */
const COMMAND = /\bfmc (?:(?:play|role)(?= [a-z])(?![^;\n]* --out )|run(?= \S+ -- ))/g
/** A play and the options that stand behind its name. */
const PLAY = /\bfmc (play [a-z][\w-]*)((?: --?[a-z][\w-]*(?:[ =][^\s;,()]+)?)*)/g
const SELECTS = / (?:--limit|--tags|--skip-tags|--role|-l|-t)\b/

/** The user's own --limit, --tags and --role. */
const selection = ({ limit = [], tags = [], skipTags = [], role, shard }: OwnFlags): string[] => [
  ...limit.map(pattern => `--limit ${quote(pattern)}`),
  ...(tags.length === 0 ? [] : [`--tags ${quote(tags.join(','))}`]),
  ...(skipTags.length === 0 ? [] : [`--skip-tags ${quote(skipTags.join(','))}`]),
  ...(role === undefined ? [] : [`--role ${quote(role)}`]),
  ...(shard === undefined ? [] : [`--shard ${shard}`]),
]

const place = ({ inventory, lab }: OwnFlags): string[] => [
  ...(lab ? ['--lab'] : []),
  ...(inventory === 'inventory.yaml' ? [] : [`-i ${quote(inventory)}`]),
]

/**
 * The commands in a text, with the user's own --lab and -i: a pasted command then works on the same hosts. Where a text
 * names the playbook that runs (`command`), and no hosts, tags or role of it, it gets the user's --limit, --tags and
 * --role too.
 *
 *     withOwnFlags('fmc play site --limit m2', { inventory: 'my.yaml', lab: true })
 *     // fmc play --lab -i my.yaml site --limit m2
 *     withOwnFlags('fmc play site', { inventory: 'inventory.yaml', limit: ['m2'] }, 'play site')
 *     // fmc play site --limit m2
 */
export function withOwnFlags(text: string, o: OwnFlags, command?: string): string {
  return text
    .replace(PLAY, (all, named: string, options: string) =>
      named === command && !SELECTS.test(options) ? [all, ...selection(o)].join(' ') : all,
    )
    .replace(COMMAND, found => [found, ...place(o)].join(' '))
}

/** The limit for the next run: `@failed` will mean the hosts of this run then, so its hosts are named. */
export const lastingLimit = (
  limit: OwnFlags['limit'],
  hosts: ReadonlySet<string>,
): OwnFlags['limit'] =>
  limit?.some(pattern => pattern.includes('@failed')) ? [[...hosts].join(',')] : limit

/** The options of a run that decide what it does. */
interface RunFlags extends OwnFlags {
  readonly vm?: readonly string[]
  readonly dirt?: readonly string[]
  readonly extraVars?: readonly string[] | undefined
  readonly artifacts?: string | undefined
  readonly identity?: string | undefined
  readonly askBecomePass?: boolean | undefined
  readonly forks?: string
  readonly startAt?: string
  readonly step?: boolean
}

/**
 * The command line that does the same on the same hosts, without --dry-run: `command` is "play site". A variable given
 * with -e that may be a secret is left out and named in a shell comment.
 *
 *     sameCommand('play site', { inventory: 'inventory.yaml', limit: ['m2'], extraVars: ['pw=x', 'n=1'] })
 *     // fmc play site --limit m2 -e n=1   # and your own -e pw=…
 */
export function sameCommand(command: string, o: RunFlags): string {
  const vars = (o.extraVars ?? []).map(given => ({ given, shown: isShown(given) }))
  const hidden = vars.filter(v => !v.shown).map(v => `-e ${nameOf(v.given)}`)
  return [
    `fmc ${command}`,
    ...selection(o),
    ...place(o),
    ...(o.startAt === undefined ? [] : [`--start-at ${quote(o.startAt)}`]),
    ...(o.step ? ['--step'] : []),
    ...(o.vm?.length ? [`--vm ${quote(o.vm.join(','))}`] : []),
    ...(o.dirt?.length ? [`--dirt ${quote(o.dirt.join(','))}`] : []),
    ...vars.filter(v => v.shown).map(v => `-e ${quote(v.given)}`),
    ...(o.artifacts === undefined ? [] : [`--artifacts ${quote(o.artifacts)}`]),
    ...(o.identity === undefined || shownPath(o.identity) !== o.identity
      ? []
      : [`--identity ${quote(o.identity)}`]),
    ...(o.askBecomePass ? ['-K'] : []),
    ...(o.forks === undefined || o.forks === '50' ? [] : [`--forks ${quote(o.forks)}`]),
    ...(hidden.length === 0 ? [] : [`  # and your own ${hidden.join(' ')}`]),
  ].join(' ')
}

/** May the value of this -e be shown? A file is only named; a map may hold anything. */
function isShown(given: string): boolean {
  if (given.startsWith('@')) return shownPath(given.slice(1)) === given.slice(1)
  const [name = '', ...value] = given.split('=')
  return (
    value.length > 0 &&
    !/[{[]/.test(given) &&
    !isSecretive([name]) &&
    withoutSecrets(value.join('=')) === value.join('=')
  )
}

const nameOf = (given: string): string =>
  /^[\w.-]+(?==)/.test(given) ? `${given.split('=')[0] ?? ''}=…` : '…'

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
export function eventWithOwnFlags(event: Event, o: OwnFlags, command?: string): Event {
  const hinted = <T extends { readonly hint?: string }>(thing: T): T =>
    thing.hint === undefined ? thing : { ...thing, hint: withOwnFlags(thing.hint, o, command) }
  if (event.type === 'page') return { ...event, findings: event.findings.map(hinted) }
  if (!('failure' in event)) return event
  const message = withOwnFlags(event.failure.message, o, command)
  const failure: Failure = { ...event.failure, message }
  return { ...event, failure: hinted(failure) }
}
