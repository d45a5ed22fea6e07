import { z } from 'zod'
import type { Event } from '../engine/events.ts'

/*
 * The NDJSON of `--output json` as a schema: contract 1. Fields may be added to it; a field that is there keeps its name, type
 * and meaning, else the number changes.
 */

const text = z.string()
const names = z.array(text)
const counts = {
  ok: z.int().min(0),
  changed: z.int().min(0).describe('Of a dry run: what would change'),
  skipped: z.int().min(0),
  failed: z.int().min(0),
  unreachable: z.int().min(0),
  unpredicted: z.int().min(0).describe('Changes that were made but not planned'),
  unneeded: z.int().min(0).describe('Planned changes that were not needed'),
}
const failure = z
  .strictObject({
    message: text,
    hint: text.optional(),
    command: text.optional(),
    output: text.optional(),
  })
  .describe('Why it failed. Texts of hosts are data: escape them')

/** The lines by their `type`; host lines by their `state`, too. */
const LINES = [
  z
    .strictObject({
      type: z.literal('version'),
      fmc: text.describe('Version of fmc'),
      contract: z.literal(1),
    })
    .describe('The first line'),
  z
    .strictObject({
      type: z.literal('start'),
      command: text.describe('Without its options: play site'),
      dryRun: z.boolean(),
      lab: z.boolean(),
      readOnly: z.literal(true).optional().describe('A check: its page is its result'),
      plays: z.array(z.strictObject({ play: text, hosts: names, roles: names })),
      hosts: names,
    })
    .describe('What the run is about to do'),
  z
    .strictObject({
      type: z.literal('note'),
      level: z.enum(['info', 'warning']),
      text,
      host: text.optional(),
    })
    .describe('A message for people'),
  z
    .strictObject({
      type: z.literal('pass'),
      pass: z.enum(['plan', 'apply', 'verify']),
      state: z.enum(['start', 'end']),
      planned: z.int().min(0).optional().describe('At the start of the apply: planned changes'),
    })
    .describe('A pass begins or ends'),
  z
    .strictObject({
      type: z.literal('play'),
      play: text,
      state: z.enum(['start', 'end']),
      hosts: names,
    })
    .describe('A play begins or ends'),
  z
    .strictObject({
      type: z.literal('task'),
      host: text.describe('Where the task ran'),
      delegatedBy: text.optional().describe('The host that it counts for; absent: `host`'),
      play: text,
      role: text,
      task: text,
      status: z.enum(['ok', 'changed', 'skipped', 'failed', 'unreachable']),
      predicted: z.boolean().describe('The plan had changes for it'),
      changes: z.array(
        z.strictObject({
          what: text.describe('In words'),
          diff: text.optional().describe('Unified diff, with --diff; never of secrets'),
        }),
      ),
      ms: z.number().min(0).describe('How long it took, in milliseconds'),
      note: text.optional(),
      unpredicted: z.literal(true).optional(),
      unneeded: z.literal(true).optional(),
      estimate: z.literal(true).optional().describe('The prediction may be wrong'),
      failure: failure.optional(),
    })
    .describe('The outcome of a task; in a dry run what it would do'),
  z
    .strictObject({ type: z.literal('host'), host: text, state: z.literal('new'), by: text })
    .describe('The host does not exist yet: `by` will create it'),
  z
    .strictObject({
      type: z.literal('host'),
      host: text,
      state: z.enum(['failed', 'unreachable']),
      failure,
    })
    .describe('The host takes no further part in the run'),
  z
    .strictObject({
      type: z.literal('page'),
      title: text,
      findings: z.array(
        z.strictObject({
          level: z.enum(['broken', 'degraded', 'notice', 'fine']),
          text,
          details: names.optional(),
          hint: text.optional(),
        }),
      ),
    })
    .describe('The result of a check such as fmc play health'),
  z
    .strictObject({
      type: z.literal('recap'),
      ...counts,
      dryRun: z.boolean(),
      seconds: z.number().min(0),
      hosts: z.record(text, z.strictObject(counts)),
      exitCode: z.int().min(0).max(255),
      new: names.optional().describe('Hosts that did not exist when they were planned'),
      locked: names.optional().describe('Hosts on which another run works'),
      undone: z
        .record(text, z.int().min(0))
        .optional()
        .describe('Planned changes that were not made, by host'),
      notReached: z
        .record(text, names)
        .optional()
        .describe('Plays that the run did not come to, by host'),
      stoppedBy: text.optional().describe('The play that ended the run before its time'),
      next: text.optional().describe('The command that continues, without secrets'),
    })
    .describe('The last line'),
] as const

/** One line of `--output json`, with no other field than those of this version. */
export const contractLine = z.union(LINES)

/** What a line has, as it comes from JSON. */
export type ContractLine = z.infer<typeof contractLine>

type Plain<T> = T extends readonly (infer E)[]
  ? readonly Plain<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Plain<Exclude<T[K], undefined>> }
    : T

type LiveOnly = 'working' | 'planned' | 'stopping' | 'facts'
type InContract =
  | Exclude<Event, { readonly type: LiveOnly | 'host' | 'task' }>
  | Omit<Extract<Event, { readonly type: 'task' }>, 'drift' | 'ended'>
  | Extract<Event, { readonly type: 'host'; readonly state: 'new' | 'failed' | 'unreachable' }>

/** The types of the events and the schema say the same: a difference does not compile. */
export const sameTypes = {
  events: (line: Plain<ContractLine>): InContract => line,
  schema: (event: InContract): Plain<ContractLine> => event,
}

const POLICY =
  'One line of what fmc play, fmc role and fmc copy print with --output json (NDJSON, contract 1). Ignore fields and types that you do not know: a later version of fmc may add them without another contract. A field that is here keeps its name, type and meaning within a contract.'

/** The published JSON Schema (files/events.schema.json). It allows further fields: the policy for readers is in it. */
export function eventsJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(contractLine, { io: 'input' })
  const open = JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === 'additionalProperties' && value === false ? undefined : value,
    ),
  ) as Record<string, unknown>
  const { $schema, ...rest } = open
  return { $schema, title: 'fmc: events of a run', description: POLICY, ...rest }
}
