import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { isOwn } from '../trust.ts'
import type { EndLine, EventLine, RecordLine, RunLine } from './format.ts'
import { recordFiles } from './store.ts'

/** A recorded run. */
export interface RecordedRun {
  readonly file: string
  readonly run: RunLine
  /** The events in order; reads the file each time. Lines that are not whole are left out. */
  events(): Iterable<EventLine>
  /** The last line; undefined: the run still works, or was killed. */
  end(): EndLine | undefined
}

/** The records in a directory, newest first. Reads only the begin of each. Files of other users are left out. */
export function* recordedRuns(dir: string): Generator<RecordedRun> {
  for (const file of recordFiles(dir)) {
    const run = headOf(file)
    if (run)
      yield {
        file,
        run,
        *events() {
          for (const line of linesOf(file))
            if (line.type !== 'run' && line.type !== 'end') yield line
        },
        end() {
          let end: EndLine | undefined
          for (const line of linesOf(file)) if (line.type === 'end') end = line
          return end
        },
      }
  }
}

function headOf(file: string): RunLine | undefined {
  let at = 0
  for (const line of linesOf(file)) {
    if (line.type === 'run') return line
    if (++at > 1) return undefined
  }
  return undefined
}

const CHUNK = 64 * 1024
const NEWLINE = 10

/** The whole lines of a record that are JSON objects. Nothing, if the file cannot be opened or another user may write it. */
function* linesOf(file: string): Generator<RecordLine> {
  const fd = open(file)
  if (fd === undefined) return
  try {
    const chunk = Buffer.alloc(CHUNK)
    let rest: Buffer[] = []
    for (let n = read(fd, chunk); n > 0; n = read(fd, chunk)) {
      let from = 0
      for (
        let to = chunk.indexOf(NEWLINE);
        to !== -1 && to < n;
        to = chunk.indexOf(NEWLINE, from)
      ) {
        const line = parse(Buffer.concat([...rest, chunk.subarray(from, to)]).toString())
        rest = []
        from = to + 1
        if (line) yield line
      }
      if (from < n) rest.push(Buffer.from(chunk.subarray(from, n)))
    }
  } finally {
    closeSync(fd)
  }
}

function open(file: string): number | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (stat.isFile() && isOwn(stat)) return fd
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
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'type' in value
      ? (value as RecordLine)
      : undefined
  } catch {
    return undefined
  }
}
