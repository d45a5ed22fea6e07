import { dirname } from 'node:path/posix'
import { TaskError } from '../../errors.ts'
import type { PlannedChange } from '../../resources/scope.ts'
import { quote, quoteAll } from '../../shell/quote.ts'
import type { Session } from '../../ssh/types.ts'

/**
 * How programs say that they could not write for lack of room: ENOSPC and EDQUOT (errno(3)), apt-get and dnf before they
 * download, PostgreSQL, and fmc's own check of what it wrote.
 */
const NO_SPACE =
  /No space left on device|Disk quota exceeded|enough free space in|needs \d+ ?[KMG]?B more space|At least \d+ ?[KMG]?B more space needed|^short write/im
/** What dash's printf and others say of any failure to write: it counts only if a file system is full. */
const PERHAPS = /\b(?:I\/O error|write error|Input\/output error|cannot create temp file)\b/i
/** A file system of which less is left counts as full: what could not be written is removed again, and a little room is back. */
const ALMOST_NONE_KB = 1024
/** A dead NFS server must not hold up the report. */
const TIMEOUT_MS = 10_000
const SHOWN = 3
/** Read-only kinds are always full (mount(8)). */
const READ_ONLY = new Set(['squashfs', 'iso9660', 'erofs', 'udf', 'cramfs'])

/** A file system as df(1) describes it. */
interface Volume {
  readonly source: string
  readonly type: string
  readonly freeKb: number
  readonly sizeKb: number
  readonly freeInodes: number
  readonly inodes: number
  readonly mount: string
}

const COLUMNS = 'source,fstype,avail,size,iavail,itotal,target'

/**
 * Shell text that prints a line of df(1) for the nearest directory above each path that exists, then an empty line, then one
 * for every local file system.
 */
export const askVolumes = (paths: readonly string[]): string =>
  `for p in ${quoteAll(paths)}; do
while [ ! -d "$p" ]; do p=\${p%/*}; p=\${p:-/}; done
df -k --output=${COLUMNS} -- "$p" 2>/dev/null | tail -n 1
done
echo
df -lk --output=${COLUMNS} 2>/dev/null | tail -n +2`

/** A path has at most so many bytes (PATH_MAX, limits.h); a longer line is no file system's. */
const LONGEST_LINE = 4096

const volumeOf = (line: string): Volume[] => {
  if (line.length > LONGEST_LINE) return []
  const [, source = '', type = '', freeKb, sizeKb, freeInodes, inodes, mount = ''] =
    /^(.*?\S) +(\S+) +(\d+|-) +(\d+|-) +(\d+|-) +(\d+|-) (\/.*)$/.exec(line) ?? []
  const isPlain = /^[\x20-\x7e]+$/.test(mount + source)
  if (mount === '' || !isPlain || READ_ONLY.has(type)) return []
  const [a, b, c, d] = [freeKb, sizeKb, freeInodes, inodes].map(n => Number(n === '-' ? 0 : n))
  return [
    { source, type, freeKb: a ?? 0, sizeKb: b ?? 0, freeInodes: c ?? 0, inodes: d ?? 0, mount },
  ]
}

const lacksInodes = ({ inodes, freeInodes }: Volume): boolean => inodes > 0 && freeInodes === 0

const isFull = (v: Volume): boolean =>
  lacksInodes(v) || (v.sizeKb > 0 && v.freeKb < Math.min(ALMOST_NONE_KB, v.sizeKb / 10))

/** The file systems that are full: by preference those of the paths; if none is, those of the paths as they are. */
export const fullVolumes = (answer: string): readonly Volume[] => {
  const [near = '', all = ''] = answer.split(/^$/m)
  const [ofPaths, others] = [near, all].map(text => text.split('\n').flatMap(volumeOf))
  const once = (list: readonly Volume[] = []): Volume[] =>
    list.filter((v, i) => list.findIndex(o => o.mount === v.mount) === i)
  const full = once([...(ofPaths ?? []), ...(others ?? [])].filter(isFull))
  return (full.length > 0 ? full : once(ofPaths)).slice(0, SHOWN)
}

const size = (kb: number): string =>
  kb < 10_240
    ? `${kb} KiB`
    : kb < 10_485_760
      ? `${Math.round(kb / 1024)} MiB`
      : `${Math.round(kb / 1_048_576)} GiB`

const said = (v: Volume): string =>
  lacksInodes(v)
    ? `${v.mount} (${v.type} on ${v.source}) has no inodes left: ${v.inodes} files are in use`
    : `${v.mount} (${v.type} on ${v.source}) has ${size(v.freeKb)} left of ${size(v.sizeKb)}`

/**
 * The error of a change that failed for lack of room, with the file systems that are full and a command that shows what
 * fills them. Other errors, and those of a host that df(1) tells nothing, stay as they are.
 *
 * @example
 * // file /var/lib/app/data: No space left on device (exit code 74); /var (ext4 on /dev/vda3) has 0 KiB left of 2 GiB
 */
export async function withVolumes(
  error: TaskError,
  host: string,
  session: Pick<Session, 'run'>,
  changes: readonly PlannedChange[],
): Promise<TaskError> {
  const text = `${error.message}\n${error.output ?? ''}`
  const isSure = NO_SPACE.test(text)
  if (!isSure && !PERHAPS.test(text)) return error
  const answer = await session
    .run(askVolumes(pathsOf(changes)), { timeoutMs: TIMEOUT_MS, maxBytes: 64 * 1024 })
    .then(
      ({ stdout }) => stdout,
      () => '',
    )
  const volumes = fullVolumes(answer).filter(v => isSure || isFull(v))
  const { output, command } = error
  if (volumes.length === 0 && !isSure) return error
  if (volumes.length === 0)
    return new TaskError(error.message, {
      ...{ output, command },
      hint: `fmc run ${quote(host)} -- 'df -h; df -i'   # shows which file system is full; make room, then run again`,
    })
  return new TaskError([error.message, ...volumes.map(said)].join('; '), {
    ...{ output, command },
    hint: `fmc run ${quote(host)} -- ${quote(volumes.map(shows).join('; '))}   # shows what fills it; make room, then run again`,
  })
}

const shows = (v: Volume): string =>
  lacksInodes(v)
    ? `du -x --inodes ${quote(v.mount)} | sort -n | tail -20`
    : `du -xh ${quote(v.mount)} | sort -h | tail -20`

/** The directories that the changes write to, as far as they say so; fmc's marks are in /var/lib/fmc. */
const pathsOf = (changes: readonly PlannedChange[]): string[] => {
  const named = changes.flatMap(({ upload, factsAfter = [] }) => [
    ...(upload === undefined ? [] : [upload.to]),
    ...factsAfter.flatMap(([query]) => (query.family === 'path' ? [query.arg] : [])),
  ])
  return [...new Set([...named.filter(path => path.startsWith('/')).map(dirname), '/var/lib/fmc'])]
}
