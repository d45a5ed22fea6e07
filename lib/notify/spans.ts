import { createHash } from 'node:crypto'
import type { Event, TaskEvent } from '../engine/events.ts'

/** A run as spans see it. */
export interface TracedRun {
  /** The run's id, from which all ids of its trace are made. */
  readonly id: string
  readonly command: string
  readonly dryRun: boolean
  readonly exitCode: number
  /** Milliseconds since 1970. */
  readonly begin: number
  readonly end: number
  /** Events, each with the time at which it came. */
  readonly events: readonly { readonly at: number; readonly event: Event }[]
}

type Value = string | number | boolean
type Attributes = Readonly<Record<string, Value | undefined>>

/** A span in OTLP's JSON encoding (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding": ids are hexadecimal, 64-bit numbers are texts). */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: 1
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly object[]
  readonly status: { readonly code: 0 | 1 | 2; readonly message?: string }
}

const hash = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits)

/** The trace of a run, 32 hexadecimal digits: the same for the same run. */
export const traceOf = (run: string): string => hash(`fmc run ${run}`, 32)

/**
 * A run as spans: run → play → host → task. A task's span ends when its event came and is as long as the task took; in a dry run all
 * events come once the plan is complete. Output of commands is left out.
 */
export function spansOf(run: TracedRun): Span[] {
  const traceId = traceOf(run.id)
  const root = new Node(`fmc ${run.command}`, [], run.begin, run.end)
  root.attributes = {
    'fmc.run': run.id,
    'fmc.command': run.command,
    'fmc.dry_run': run.dryRun,
    'fmc.exit_code': run.exitCode,
  }
  if (run.exitCode !== 0 && run.exitCode !== 3) root.failed = `exit code ${run.exitCode}`
  for (const { at, event } of run.events)
    if (event.type === 'task') addTask(root, event, at)
    else if (event.type === 'play') {
      const play = root.child(event.play, { 'fmc.play': event.play })
      play.covers(at, at)
    } else if (event.type === 'host' && (event.state === 'failed' || event.state === 'unreachable'))
      root.lost.push([event.host, event.failure.message])
  return root.spans(traceId, undefined, run.begin)
}

function addTask(root: Node, event: TaskEvent, at: number): void {
  const { play, role, task, status, ms, changes } = event
  const name = event.delegatedBy ?? event.host
  const end = event.ended ?? at
  const start = end - ms
  const ofPlay = root.child(play, { 'fmc.play': play })
  const ofHost = ofPlay.child(name, { 'fmc.host': name })
  const own = ofHost.child(`${role} › ${task}`, {
    'fmc.host': event.host,
    'fmc.delegated_by': event.delegatedBy,
    'fmc.play': play,
    'fmc.role': role,
    'fmc.task': task,
    'fmc.status': status,
    'fmc.changes': changes.length,
    'fmc.unpredicted': event.unpredicted,
  })
  for (const node of [ofPlay, ofHost, own]) node.covers(start, end)
  if (status !== 'failed' && status !== 'unreachable') return
  own.failed = event.failure?.message ?? status
  ofHost.failed ??= status
  ofPlay.failed ??= `${name}: ${status}`
}

class Node {
  readonly #children = new Map<string, Node>()
  readonly #path: readonly string[]
  readonly #name: string
  #start: number | undefined
  #end: number | undefined
  attributes: Attributes = {}
  failed: string | undefined
  readonly lost: [host: string, message: string][] = []

  constructor(name: string, path: readonly string[], start?: number, end?: number) {
    this.#name = name
    this.#path = path
    this.#start = start
    this.#end = end
  }

  child(name: string, attributes: Attributes): Node {
    let node = this.#children.get(name)
    if (!node) this.#children.set(name, (node = new Node(name, [...this.#path, name])))
    node.attributes = attributes
    return node
  }

  covers(start: number, end: number): void {
    this.#start = Math.min(this.#start ?? start, start)
    this.#end = Math.max(this.#end ?? end, end)
  }

  /** This span and those below it. None begins before the run. */
  spans(traceId: string, parent: string | undefined, earliest: number): Span[] {
    const spanId = hash(JSON.stringify([traceId, ...this.#path]), 16)
    const start = Math.max(earliest, this.#start ?? earliest)
    const own: Span & { readonly events?: readonly object[] } = {
      traceId,
      spanId,
      ...(parent === undefined ? {} : { parentSpanId: parent }),
      name: this.#name,
      kind: 1,
      startTimeUnixNano: nanoseconds(start),
      endTimeUnixNano: nanoseconds(Math.max(start, this.#end ?? start)),
      attributes: attributesOf(this.attributes),
      ...(this.lost.length > 0 && {
        events: this.lost.map(([host, message]) => ({
          timeUnixNano: nanoseconds(Math.max(start, this.#end ?? start)),
          name: 'host lost',
          attributes: attributesOf({ 'fmc.host': host, 'fmc.message': message }),
        })),
      }),
      status: this.failed === undefined ? { code: 1 } : { code: 2, message: this.failed },
    }
    return [
      own,
      ...[...this.#children.values()].flatMap(node => node.spans(traceId, spanId, earliest)),
    ]
  }
}

/** Milliseconds as nanoseconds, to the microsecond. */
const nanoseconds = (ms: number): string => `${Math.round(ms * 1000)}000`

const attributesOf = (attributes: Attributes): object[] =>
  Object.entries(attributes).flatMap(([key, value]): object[] =>
    value === undefined ? [] : [{ key, value: valueOf(value) }],
  )

const valueOf = (value: Value): object => {
  if (typeof value === 'string') return { stringValue: value }
  return typeof value === 'boolean' ? { boolValue: value } : { intValue: String(value) }
}

/** What OTLP/HTTP takes (opentelemetry-proto, ExportTraceServiceRequest). */
export const exportOf = (
  spans: readonly Span[],
  resource: Readonly<Record<string, string>>,
  version: string,
): object => ({
  resourceSpans: [
    {
      resource: { attributes: attributesOf(resource) },
      scopeSpans: [{ scope: { name: 'fmc', version }, spans }],
    },
  ],
})
