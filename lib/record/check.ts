import type { RecordLine } from './format.ts'

/*
 * Whether a line of a record is what format.ts says. Records are data: another version of fmc may have written them, a disk
 * may have lost a part, a shard's record comes from another machine.
 */

type Check = (value: unknown) => boolean

const text: Check = v => typeof v === 'string'
const number: Check = v => typeof v === 'number' && Number.isFinite(v)
const flag: Check = v => typeof v === 'boolean'
const list =
  (of: Check): Check =>
  v =>
    Array.isArray(v) && v.every(of)
const isMap = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v)
const map =
  (of: Check): Check =>
  v =>
    isMap(v) && Object.values(v).every(of)
const may =
  (of: Check): Check =>
  v =>
    v === undefined || of(v)
const oneOf =
  (...all: readonly unknown[]): Check =>
  v =>
    all.includes(v)
/** Further keys are allowed: a newer fmc may write them. */
const shape = (keys: Readonly<Record<string, Check>>): Check => {
  const all = Object.entries(keys)
  return v => isMap(v) && all.every(([key, of]) => of(Object.hasOwn(v, key) ? v[key] : undefined))
}
const time: Check = v => typeof v === 'string' && v.length <= 40 && !Number.isNaN(Date.parse(v))

const failure = shape({
  message: text,
  hint: may(text),
  command: may(text),
  output: may(text),
})
const counts = {
  ...{ ok: number, changed: number, skipped: number, failed: number, unreachable: number },
  ...{ unpredicted: number, unneeded: number },
}
const task = { host: text, delegatedBy: may(text), role: text, task: text }

const isHost = shape({ at: number, host: text, state: text })
const HOST_STATES: ReadonlyMap<string, Check> = new Map([
  ...(['connecting', 'connected', 'done'] as const).map(s => [s, isMap] as const),
  ['new', shape({ by: text })],
  ...(['unreachable', 'failed'] as const).map(s => [s, shape({ failure })] as const),
])

const LINES: Readonly<Record<RecordLine['type'], Check>> = {
  version: shape({ fmc: text }),
  run: shape({
    ...{ id: text, command: text, argv: list(text) },
    ...{ dryRun: flag, readOnly: flag, lab: flag, inventory: text },
    ...{ user: text, sudoUser: may(text), from: may(text), controller: text, pid: number },
    git: may(shape({ revision: text, dirty: flag })),
    begin: time,
    merged: may(list(text)),
    shard: may(shape({ index: number, of: number, key: text })),
  }),
  end: shape({ exitCode: number, end: time }),
  start: shape({
    ...{ at: number, command: text, dryRun: flag, lab: flag, hosts: list(text) },
    plays: list(shape({ play: text, hosts: list(text), roles: list(text) })),
  }),
  note: shape({ at: number, level: oneOf('info', 'warning'), text, host: may(text) }),
  pass: shape({
    ...{ at: number, pass: oneOf('plan', 'apply', 'verify'), state: oneOf('start', 'end') },
    planned: may(number),
  }),
  play: shape({ at: number, play: text, state: oneOf('start', 'end'), hosts: list(text) }),
  planned: shape({
    ...{ at: number, play: text, stage: number, batches: list(list(text)), forks: number },
    tasks: list(shape(task)),
  }),
  stopping: shape({ at: number, text }),
  task: shape({
    ...{ at: number, ...task, play: text, predicted: flag, ms: number },
    status: oneOf('ok', 'changed', 'skipped', 'failed', 'unreachable'),
    changes: list(shape({ what: text, diff: may(text) })),
    note: may(text),
    ...{ drift: may(flag), unpredicted: may(flag), unneeded: may(flag), estimate: may(flag) },
    failure: may(failure),
  }),
  facts: shape({ at: number, host: text, facts: map(() => true) }),
  host: v => isHost(v) && (HOST_STATES.get((v as { state: string }).state)?.(v) ?? false),
  page: shape({
    ...{ at: number, title: text },
    findings: list(
      shape({
        level: oneOf('broken', 'degraded', 'notice', 'fine'),
        text,
        details: may(list(text)),
        hint: may(text),
      }),
    ),
  }),
  recap: shape({
    ...{ at: number, ...counts, dryRun: flag, seconds: number, exitCode: number },
    hosts: map(shape(counts)),
    ...{ new: may(list(text)), locked: may(list(text)), undone: may(map(number)) },
    ...{ notReached: may(map(list(text))), stoppedBy: may(text), next: may(text) },
  }),
}

/**
 * A value as a line of a record; undefined: it is none. Every key that format.ts has is there with its type; keys that it does
 * not have may be there.
 */
export function checkedLine(value: unknown): RecordLine | undefined {
  if (!isMap(value) || typeof value['type'] !== 'string') return undefined
  const { type } = value
  if (!Object.hasOwn(LINES, type)) return undefined
  return LINES[type as RecordLine['type']](value) ? (value as unknown as RecordLine) : undefined
}
