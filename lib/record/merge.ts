import { createHash } from 'node:crypto'
import { UsageError } from '../errors.ts'
import type { Counts } from '../engine/events.ts'
import { safeJson } from '../text/sanitise.ts'
import type { EndLine, EventLine, RecordLine, RunLine } from './format.ts'
import { hostsOf } from './outcomes.ts'
import type { RecordedRun, RunContent } from './read.ts'

interface Part extends RunContent {
  readonly recorded: RecordedRun
  readonly run: RunLine
  /** Milliseconds that it began after the first part. */
  readonly late: number
}

type Of<T extends EventLine['type']> = Extract<EventLine, { type: T }>

/**
 * The records of the shards of one run as one record: its lines, with a newline each. The parts must be of the same command,
 * with different hosts. The run begins with the first part and ends with the last; it has no end if one part has none, and the
 * exit code of the part that went worst. Throws UsageError.
 */
export function mergedRecord(all: readonly RecordedRun[]): string {
  const first = Math.min(...all.map(({ run }) => Date.parse(run.begin)))
  const parts = all.map((recorded): Part => ({
    ...recorded.read(),
    ...{ recorded, run: recorded.run, late: Date.parse(recorded.run.begin) - first },
  }))
  demandParts(parts)
  const [{ recorded, run }] = parts as [Part]
  const id = createHash('sha256')
    .update(parts.map(p => p.run.id).join())
    .digest('hex')
    .slice(0, 8)
  const lines: RecordLine[] = [
    { type: 'version', fmc: recorded.fmc, contract: 1 },
    {
      ...run,
      shard: undefined,
      ...{ id, begin: new Date(first).toISOString() },
      merged: parts.map(p => p.run.id),
    },
    ...mergedEvents(parts),
    ...mergedEnd(parts),
  ]
  return lines.map(line => `${safeJson(line)}\n`).join('')
}

function demandParts(parts: readonly Part[]): void {
  const [one] = parts
  if (!one || parts.length < 2)
    throw new UsageError('fmc runs merge needs at least two records', {
      hint: 'fmc runs merge shard-1.jsonl shard-2.jsonl --out run.jsonl',
    })
  const owner = new Map<string, Part>()
  for (const part of parts) {
    const { run, recorded } = part
    const differs = (['command', 'dryRun', 'readOnly', 'lab'] as const).find(
      key => run[key] !== one.run[key],
    )
    if (differs !== undefined)
      throw new UsageError(
        `${recorded.file} and ${one.recorded.file} are not parts of one run: ${differs} is ${String(run[differs])} and ${String(one.run[differs])}`,
      )
    if (run.shard?.key !== one.run.shard?.key)
      throw new UsageError(
        `${recorded.file} and ${one.recorded.file} are not shards of one run: their command lines differ in more than --shard, or their revisions`,
        { hint: 'start all parts with the same options, or give them the same FMC_SHARD_KEY' },
      )
    if (run.shard?.of !== one.run.shard?.of)
      throw new UsageError(
        `${recorded.file} is shard ${shown(run)} and ${one.recorded.file} is shard ${shown(one.run)}: they are not parts of one run`,
      )
    for (const host of hostsOf(part.events)) {
      const other = owner.get(host)
      if (other)
        throw new UsageError(
          `${host} is in ${other.recorded.file} and in ${recorded.file}: parts of one run have different hosts`,
        )
      owner.set(host, part)
    }
  }
  const { shard } = one.run
  if (!shard) return
  const indexes = parts.map(({ run }) => run.shard?.index)
  const twice = parts.find(({ run }, n) => indexes.indexOf(run.shard?.index) !== n)
  if (twice)
    throw new UsageError(
      `${twice.recorded.file} is another record of shard ${shown(twice.run)}: name one of each`,
    )
  const missing = Array.from({ length: shard.of }, (__, n) => n + 1).filter(
    index => !parts.some(({ run }) => run.shard?.index === index),
  )
  if (missing.length > 0)
    throw new UsageError(
      `the record of shard ${missing.map(n => `${n}/${shard.of}`).join(', ')} is missing`,
    )
}

const shown = ({ shard }: RunLine): string => (shard ? `${shard.index}/${shard.of}` : 'none')

/** By time. What frames a run (its start, passes, plays, recap) comes once. */
function mergedEvents(parts: readonly Part[]): EventLine[] {
  const all = parts
    .flatMap(({ events, late }) => events.map(event => ({ ...event, at: event.at + late })))
    .sort((a, b) => a.at - b.at)
  const of = <T extends EventLine['type']>(type: T): Of<T>[] =>
    all.filter((event): event is Of<T> => event.type === type)
  const [starts, recaps] = [of('start'), of('recap')]
  const [start] = starts
  const frame = (event: EventLine): string | undefined =>
    event.type === 'pass'
      ? `${event.pass} ${event.state}`
      : event.type === 'play'
        ? `${event.play} ${event.state}`
        : undefined
  const isEnd = (event: EventLine): boolean =>
    (event.type === 'pass' || event.type === 'play') && event.state === 'end'
  const kept = new Map<string, EventLine>()
  for (const event of all) {
    const key = frame(event)
    // A pass starts with its first part and ends with its last.
    if (key !== undefined && (isEnd(event) || !kept.has(key))) kept.set(key, event)
  }
  const once = new Set(kept.values())
  const hosts = (play: string): string[] => [
    ...new Set(of('play').flatMap(p => (p.play === play ? p.hosts : []))),
  ]
  const planned = of('pass').reduce((sum, p) => sum + (p.planned ?? 0), 0)
  const body = all
    .filter(event => event.type !== 'start' && event.type !== 'recap')
    .filter(event => frame(event) === undefined || once.has(event))
    .map((event): EventLine => {
      if (event.type === 'play') return { ...event, hosts: hosts(event.play) }
      return event.type === 'pass' && event.planned !== undefined ? { ...event, planned } : event
    })
  const passes = body.filter((e): e is Of<'pass'> => e.type === 'pass' && e.state === 'start')
  // Parts overlap. For a reader of the record a pass ends before the next one starts.
  const inOrder = body
    .map(event => {
      if (event.type !== 'pass' || event.state !== 'end') return event
      const next = passes[passes.findIndex(p => p.pass === event.pass) + 1]
      return { ...event, at: Math.min(event.at, next?.at ?? Infinity) }
    })
    .sort((a, b) => a.at - b.at || rank(a) - rank(b))
  return [...(start ? [mergedStart(start, starts)] : []), ...inOrder, ...mergedRecap(recaps, parts)]
}

const rank = (event: EventLine): number => (event.type === 'pass' && event.state === 'end' ? 0 : 1)

function mergedStart(start: Of<'start'>, starts: readonly Of<'start'>[]): Of<'start'> {
  const plays = starts.flatMap(s => s.plays)
  const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
  return {
    ...start,
    hosts: unique(starts.flatMap(s => s.hosts)),
    plays: unique(plays.map(p => p.play)).map(play => {
      const same = plays.filter(p => p.play === play)
      return {
        play,
        hosts: unique(same.flatMap(p => p.hosts)),
        roles: unique(same.flatMap(p => p.roles)),
      }
    }),
  }
}

const COUNTS = [
  ...(['ok', 'changed', 'skipped', 'failed', 'unreachable', 'unpredicted', 'unneeded'] as const),
]

/** None if a part has none: its run was killed. */
function mergedRecap(recaps: readonly Of<'recap'>[], parts: readonly Part[]): Of<'recap'>[] {
  const [one] = recaps
  if (!one || recaps.length < parts.length) return []
  const counts = Object.fromEntries(
    COUNTS.map(key => [key, recaps.reduce((sum, recap) => sum + recap[key], 0)]),
  ) as unknown as Counts
  const lists = (key: 'new' | 'locked'): object => {
    const all = recaps.flatMap(recap => recap[key] ?? [])
    return all.length === 0 ? {} : { [key]: all }
  }
  const undone = joined(recaps.map(recap => recap.undone ?? {}))
  const notReached = joined(recaps.map(recap => recap.notReached ?? {}))
  const stopped = recaps.find(recap => recap.stoppedBy !== undefined)
  return [
    {
      ...{ type: 'recap', ...counts, dryRun: one.dryRun },
      at: Math.max(...recaps.map(recap => recap.at)),
      seconds: Math.max(...recaps.map(recap => recap.at)) / 1000,
      hosts: joined(recaps.map(recap => recap.hosts)),
      exitCode: worst(recaps.map(recap => recap.exitCode)),
      ...lists('new'),
      ...lists('locked'),
      ...(recaps.some(recap => recap.undone) ? { undone } : {}),
      ...(recaps.some(recap => recap.notReached) ? { notReached } : {}),
      ...(stopped?.stoppedBy === undefined ? {} : { stoppedBy: stopped.stoppedBy }),
    },
  ]
}

const joined = <T>(maps: readonly Readonly<Record<string, T>>[]): Record<string, T> =>
  Object.fromEntries(maps.flatMap(map => Object.entries(map)))

/** From worst to best; others count as worst. */
const ORDER = [1, 143, 130, 2, 4, 3, 0]

const worst = (codes: readonly number[]): number =>
  codes.toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))[0] ?? 0

function mergedEnd(parts: readonly Part[]): EndLine[] {
  const ends = parts.flatMap(({ end }) => end ?? [])
  if (ends.length < parts.length) return []
  const last = ends.map(({ end }) => end).toSorted((a, b) => Date.parse(a) - Date.parse(b))
  return [{ type: 'end', exitCode: worst(ends.map(e => e.exitCode)), end: last.at(-1) ?? '' }]
}
