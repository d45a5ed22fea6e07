import { quoteAll } from '../shell/quote.ts'

/** What a family's section of the probe script printed. */
export interface Answer {
  readonly out: string
  readonly err: string
  /** Exit status of the section's last command. */
  readonly code: number
}

/**
 * One kind of question about a host. All questions of a family that are asked together travel as one script
 * with as few processes as possible: a process costs 0.7 ms on the host, its arguments almost nothing.
 */
export interface Family<T> {
  /**
   * Read-only shell text that answers all `args`. `mark` is unguessable and separates records where needed; `spelled`
   * is the same mark as printf(1) wants it, so that no listing of processes shows it.
   */
  script(args: readonly string[], spelled: string): string
  /** Files whose bytes the script reads; `reading` (lib/shell/staging.ts) then stands ahead of it. */
  reads?(args: readonly string[]): readonly string[]
  /**
   * One fact per argument, in order. Strict: throws when the answer is not exactly what the script prints,
   * so that a broken probe is an error and never "absent".
   */
  parse(answer: Answer, args: readonly string[], mark: string): T[]
}

/** The host answered something that no working probe prints. */
export class GarbledProbe extends Error {
  override name = 'GarbledProbe'
  constructor(family: string, text: string) {
    super(
      `${family}: the host answered something unexpected: ${JSON.stringify(text.slice(0, 200))}`,
    )
  }
}

/** fmc does not read a file whose directory somebody else could exchange. */
export class Refused {
  /** What stands in the way, for people. */
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/** Runs `then` with the paths for which `test` holds as "$@"; says "absent PATH" for the others. Records end with NUL. */
export const forExisting = (test: string, args: readonly string[], then: string): string =>
  `set --; for p in ${quoteAll(args)}; do if ${test}; then set -- "$@" "$p"; else printf 'absent %s\\0' "$p"; fi; done; [ $# -eq 0 ] || ${then}`

/** The shell's question whether `$p` is a file that can be read; a link is none. */
export const IS_FILE = '[ -f "$p" ] && [ ! -L "$p" ]'

/** Parses "HEAD /absolute/path" records of forExisting; null where absent. */
export function pathRecords<T>(
  family: string,
  { out, err, code }: Answer,
  args: readonly string[],
  read: (head: string) => T,
): (T | null)[] {
  if (code !== 0) throw new GarbledProbe(family, `exit ${code}: ${err || out}`)
  const seen = new Map<string, T | null>()
  const records = out.split('\0')
  if (records.pop() !== '') throw new GarbledProbe(family, out.slice(-200))
  for (const record of records) {
    const cut = record.indexOf('/')
    const path = record.slice(cut)
    if (cut < 0 || seen.has(path) || !args.includes(path)) throw new GarbledProbe(family, record)
    const head = record.slice(0, cut).trim()
    seen.set(path, head === 'absent' ? null : read(head))
  }
  return args.map(path => {
    const fact = seen.get(path)
    if (fact === undefined) throw new GarbledProbe(family, `no answer for ${path}`)
    return fact
  })
}

/** The lines of an answer that must end with a line end, or be empty. */
export function wholeLines(family: string, out: string): string[] {
  const lines = out.split('\n')
  if (lines.pop() !== '') throw new GarbledProbe(family, out.slice(-200))
  return lines
}

/** One line of the answer per argument. */
export function linePerArgument<T>(
  family: string,
  out: string,
  args: readonly string[],
  read: (line: string, arg: string) => T,
): T[] {
  const lines = wholeLines(family, out)
  if (lines.length !== args.length) throw new GarbledProbe(family, out)
  return args.map((arg, i) => read(lines[i] ?? '', arg))
}
