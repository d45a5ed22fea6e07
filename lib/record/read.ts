import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { UsageError } from '../errors.ts'
import { isOwn } from '../trust.ts'
import { checkedLine } from './check.ts'
import type { EndLine, EventLine, RecordLine, RunLine } from './format.ts'
import { recordFiles } from './store.ts'

/** A recorded run. */
export interface RecordedRun {
  readonly file: string
  /** The version of fmc that ran. */
  readonly fmc: string
  readonly run: RunLine
  /** The events in order; reads the file each time. Lines that are not whole or make no sense are left out. */
  events(): Iterable<EventLine>
  /** The last line; undefined: the run still works, or was killed. */
  end(): EndLine | undefined
  /** Everything after the first two lines, read once. */
  read(): RunContent
}

/** What a record says after its first two lines. */
export interface RunContent {
  readonly events: readonly EventLine[]
  readonly end: EndLine | undefined
  /** How many lines were left out, because they are cut or make no sense. */
  readonly damaged: number
}

/** The records in a directory, newest first. Reads only the begin of each. Files of other users are left out. */
export function* recordedRuns(dir: string): Generator<RecordedRun> {
  for (const file of recordFiles(dir)) {
    const recorded = recordIn(file, isOwn)
    if (recorded) yield recorded
  }
}

/** The record in a file that the user names, also of another user. Throws UsageError. */
export function recordOf(file: string): RecordedRun {
  const recorded = recordIn(file, () => true)
  if (recorded) return recorded
  throw new UsageError(`${file} is not the record of a run`, {
    hint: 'expected: a file whose second line begins with {"type":"run"; fmc runs lists those of this machine',
  })
}

type Accept = (stat: Stats) => boolean

function recordIn(file: string, accept: Accept): RecordedRun | undefined {
  const lines = (): Generator<RecordLine | undefined> => linesOf(file, accept)
  const head = headOf(lines())
  if (!head) return undefined
  const read = (): RunContent => {
    const events: EventLine[] = []
    let end: EndLine | undefined
    let damaged = 0
    for (const line of lines())
      if (line === undefined) damaged++
      else if (line.type === 'end') end = line
      else if (isEvent(line)) events.push(line)
    return { events, end, damaged }
  }
  return {
    file,
    ...head,
    *events() {
      for (const line of lines()) if (line && isEvent(line)) yield line
    },
    end: () => read().end,
    read,
  }
}

const isEvent = (line: RecordLine): line is EventLine =>
  line.type !== 'run' && line.type !== 'end' && line.type !== 'version'

/** The first two lines. */
function headOf(
  lines: Iterable<RecordLine | undefined>,
): Pick<RecordedRun, 'fmc' | 'run'> | undefined {
  let fmc: string | undefined
  for (const line of lines) {
    if (line?.type === 'version' && fmc === undefined) fmc = line.fmc
    else return line?.type === 'run' && fmc !== undefined ? { fmc, run: line } : undefined
  }
  return undefined
}

const CHUNK = 64 * 1024
const NEWLINE = 10
/** Longer lines make no sense: the largest, a failure's output, has some kilobytes. */
const MAX_LINE = 16 * 1024 * 1024

/**
 * The lines of a record that end with a newline; undefined for one that is no line of a record. Nothing, if the file cannot
 * be opened or is not accepted.
 */
function* linesOf(file: string, accept: Accept): Generator<RecordLine | undefined> {
  const fd = open(file, accept)
  if (fd === undefined) return
  try {
    const chunk = Buffer.alloc(CHUNK)
    let rest: Buffer[] = []
    let size = 0
    for (let n = read(fd, chunk); n > 0; n = read(fd, chunk)) {
      let from = 0
      for (
        let to = chunk.indexOf(NEWLINE);
        to !== -1 && to < n;
        to = chunk.indexOf(NEWLINE, from)
      ) {
        yield size > MAX_LINE
          ? undefined
          : parse(Buffer.concat([...rest, chunk.subarray(from, to)]).toString())
        rest = []
        size = 0
        from = to + 1
      }
      size += n - from
      if (from < n && size <= MAX_LINE) rest.push(Buffer.from(chunk.subarray(from, n)))
    }
  } finally {
    closeSync(fd)
  }
}

function open(file: string, accept: Accept): number | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (stat.isFile() && accept(stat)) return fd
  } catch {
    // Another fmc has removed it, or it cannot be read.
  }
  if (fd !== undefined) closeSync(fd)
  return undefined
}

const read = (fd: number, chunk: Buffer): number => {
  try {
    return readSync(fd, chunk)
  } catch {
    return 0
  }
}

function parse(text: string): RecordLine | undefined {
  try {
    return checkedLine(JSON.parse(text))
  } catch {
    return undefined
  }
}
