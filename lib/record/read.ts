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
  /** The recap and the last line, from the end of the file; undefined: it has none. */
  last(): Last
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

/** How a run ended. */
interface Last {
  readonly recap: Extract<EventLine, { type: 'recap' }> | undefined
  readonly end: EndLine | undefined
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
  const lines = (fromEnd?: number): Generator<RecordLine | undefined> =>
    linesOf(file, accept, fromEnd)
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
    end: () => lastOf(lines(LAST_BYTES)).end,
    last() {
      const short = lastOf(lines(LAST_BYTES))
      return short.recap || !short.end ? short : lastOf(lines())
    },
    read,
  }
}

/** More than the last line, and than the recap of some hundred hosts. */
const LAST_BYTES = 128 * 1024

function lastOf(lines: Iterable<RecordLine | undefined>): Last {
  let recap: Last['recap']
  let end: EndLine | undefined
  for (const line of lines)
    if (line?.type === 'recap') recap = line
    else if (line?.type === 'end') end = line
  return { recap, end }
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
 * be opened or is not accepted. `fromEnd`: only the last bytes of the file, whose first line may be a part of one.
 */
function* linesOf(
  file: string,
  accept: Accept,
  fromEnd = Infinity,
): Generator<RecordLine | undefined> {
  const fd = open(file, accept)
  if (fd === undefined) return
  try {
    let at = Math.max(0, fstatSync(fd).size - fromEnd)
    const chunk = Buffer.alloc(CHUNK)
    let rest: Buffer[] = []
    let size = 0
    for (let n = read(fd, chunk, at); n > 0; n = read(fd, chunk, at)) {
      at += n
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

const read = (fd: number, chunk: Buffer, at: number): number => {
  try {
    return readSync(fd, chunk, 0, chunk.length, at)
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
